// Drives Chromium through one case: node drive.mjs CASE URL NODE_FOLDER CHROMIUM SCRATCH_FOLDER TOKEN
// Screenshots stay in the scratch folder for people to look at.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [name, url, nodeFolder, executablePath, scratch, token] = process.argv.slice(2);
const { chromium } = createRequire(join(nodeFolder, 'index.js'))('playwright-core');

const parameters = (family) => JSON.stringify({
  training: { families: [family] },
  promotion: { min_f1: 0.5, min_roc_auc: 0.5 },
});

async function signIn(page, path = '/runs') {
  await page.goto(url + path);
  await page.fill('input[name=token]', token);
  await page.click('button[type=submit]');
  await page.waitForURL(url + path);
}

/// Starts a run and waits until its page, which looks again by itself, says that it has ended.
async function train(page, reason, family, run) {
  await page.goto(`${url}/train`);
  await page.fill('input[name=reason]', reason);
  await page.click('summary');
  await page.fill('input[name=run]', run);
  await page.fill('textarea[name=parameters]', parameters(family));
  await page.click('button[type=submit]');
  await page.waitForURL(`${url}/runs/${run}`);
  await page.waitForFunction(() => /^(promoted|kept|no change|failed)/.test(document.querySelector('.lead')?.textContent ?? ''), null, { timeout: 240_000 });
}

const cases = {
  async signs_in_trains_watches_promotes_and_signs_out({ open, context }) {
    const page = await open({ javaScriptEnabled: true });
    await page.goto(`${url}/train`);
    assert.equal(page.url(), `${url}/session?return=%2Ftrain`);
    await page.fill('input[name=token]', token);
    await page.click('button[type=submit]');
    await page.waitForURL(`${url}/train`);
    const [cookie] = await context().cookies();
    assert.deepEqual(
      [cookie.name, cookie.httpOnly, cookie.secure, cookie.sameSite, cookie.path],
      ['__Host-lurelight', true, true, 'Strict', '/'],
    );
    assert.ok(!cookie.value.includes(token));
    await train(page, 'new rows', 'logistic_regression', 'first');
    assert.match(await page.textContent('main'), /Promoted/);
    await page.screenshot({ path: join(scratch, 'administration-run.png'), fullPage: true });
    await train(page, 'another family', 'decision_tree', 'second');
    await page.click('nav >> text=Runs');
    assert.equal(await page.locator('tbody tr').count(), 2);
    await page.click('nav >> text=Versions');
    const form = page.locator('td form');
    assert.equal(await form.count(), 1);
    const action = await form.getAttribute('action');
    await page.fill('td input[name=reason]', 'by hand <now>');
    await page.click('td button');
    await page.waitForSelector(`form[action="${action}"]`, { state: 'detached' });
    assert.match(await page.textContent('main'), /by hand <now>/);
    assert.match(await page.textContent('main'), /session of administration token [0-9a-f]{8}/);
    await page.screenshot({ path: join(scratch, 'administration-models.png'), fullPage: true });
    await page.click('nav >> text=Sign in or out');
    assert.match(await page.textContent('h1'), /You are signed in/);
    await page.click('button[type=submit]');
    await page.waitForSelector('input[name=token]');
    assert.equal((await context().cookies()).length, 0);
    await page.goto(`${url}/models`);
    assert.equal(page.url(), `${url}/session?return=%2Fmodels`);
  },

  async a_wrong_token_is_said_and_leads_nowhere({ open, context }) {
    const page = await open({ javaScriptEnabled: false });
    await page.goto(`${url}/runs`);
    await page.fill('input[name=token]', 'somebody-else-0123456789');
    await page.click('button[type=submit]');
    assert.match(await page.textContent('[role=alert]'), /not known/);
    assert.equal((await context().cookies()).length, 0);
    await page.fill('input[name=token]', token);
    await page.click('button[type=submit]');
    await page.waitForURL(`${url}/runs`);
    assert.match(await page.textContent('main'), /There is no run yet/);
  },

  async pages_are_light_and_dark_and_never_scroll_sideways({ open, complaints }) {
    const first = await open();
    await signIn(first);
    await train(first, 'new rows', 'logistic_regression', 'first');
    await train(first, 'another family', 'decision_tree', 'second-with-a-rather-long-name-as-schedules-make-them');
    const paths = { session: '/session', train: '/train', runs: '/runs', run: '/runs/first', models: '/models', gone: '/runs/nothing' };
    for (const [shape, options] of Object.entries({
      light: { colorScheme: 'light' },
      dark: { colorScheme: 'dark' },
      narrow: { viewport: { width: 360, height: 740 } },
    })) {
      const page = await open(options);
      await page.goto(`${url}/session?return=%2Fruns`);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, `sign in ${shape}`);
      await page.screenshot({ path: join(scratch, `administration-sign-in-${shape}.png`), fullPage: true });
      await signIn(page);
      for (const [what, path] of Object.entries(paths)) {
        await page.goto(url + path);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, `${path} ${shape}`);
        await page.screenshot({ path: join(scratch, `administration-${what}-${shape}.png`), fullPage: true });
      }
    }
    assert.deepEqual(complaints.filter((text) => !/status of 404/.test(text)), []);
  },

  async keyboard_alone_signs_in_and_starts_a_run({ open }) {
    const page = await open();
    await page.goto(`${url}/train`);
    const to = async (wanted) => {
      for (let i = 0; i < 30; i += 1) {
        await page.keyboard.press('Tab');
        if (await page.evaluate((selector) => document.activeElement.matches(selector), wanted)) return;
      }
      assert.fail(`Tab never reached ${wanted}`);
    };
    await to('input[name=token]');
    await page.keyboard.type(token);
    await page.keyboard.press('Enter');
    await page.waitForURL(`${url}/train`);
    await to('input[name=reason]');
    await page.keyboard.type('by keyboard');
    await to('summary');
    await page.keyboard.press('Enter');
    await to('textarea');
    await page.keyboard.type(parameters('logistic_regression'));
    await to('button[type=submit]');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/runs\/\d{8}-\d{6}-/);
  },

  async the_report_obeys_its_policy({ open, complaints }) {
    const page = await open();
    await signIn(page);
    await train(page, 'new rows', 'logistic_regression', 'first');
    await page.click('text=The report with plots');
    await page.waitForURL(`${url}/runs/first/report`);
    assert.match(await page.title(), /Run first/);
    const margin = await page.evaluate(() => getComputedStyle(document.querySelector('svg')).display);
    assert.notEqual(margin, 'none');
    await page.screenshot({ path: join(scratch, 'administration-report.png'), fullPage: true });
    assert.deepEqual(complaints, []);
  },
};

mkdirSync(scratch, { recursive: true });
const browser = await chromium.launch({
  executablePath,
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
});
const complaints = [];
let last;
const open = async (options = {}) => {
  last = await browser.newContext(options);
  const page = await last.newPage();
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  return page;
};
try {
  await cases[name]({ open, complaints, context: () => last });
} finally {
  await browser.close();
}
