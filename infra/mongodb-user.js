// Run once by the mongo image, while the volume is empty: the user that Lurelight is, who may read and write its
// database and nothing else.
db.getSiblingDB("admin").createUser({
  user: "lurelight",
  pwd: fs.readFileSync("/run/secrets/mongodb-password", "utf8").trim(),
  roles: [{ role: "readWrite", db: "lurelight" }],
});
