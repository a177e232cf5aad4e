// Drives Chromium through one case: node drive.mjs CASE URL NODE_FOLDER CHROMIUM SCRATCH_FOLDER
// Screenshots of each case stay in the scratch folder for people to look at.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [name, url, nodeFolder, executablePath, scratch] = process.argv.slice(2);
const { chromium } = createRequire(join(nodeFolder, 'index.js'))('playwright-core');

const header = async () => (await (await fetch(`${url}/sample.csv`)).text()).split('\n')[0].split(',').slice(1);
const sites = async (rows) => {
  const names = await header();
  const line = (row) => [...names.map(() => row.code), row.note].join(',');
  return { name: 'sites.csv', mimeType: 'text/csv', buffer: Buffer.from(`${names},note\n${rows.map(line).join('\n')}\n`) };
};
const three = () => sites([{ code: -1, note: '=cmd()' }, { code: 1, note: '<b>fine</b>' }, { code: 54, note: 'raw' }]);

async function upload(page, file, format) {
  await page.goto(url);
  await page.setInputFiles('input[name=file]', file);
  if (format) await page.selectOption('select[name=format]', format);
  return page.click('button[type=submit]');
}

const shades = (page) => page.evaluate(() => {
  const light = (colour) => colour.match(/[\d.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 765;
  const style = getComputedStyle(document.body);
  return { paper: light(style.backgroundColor), ink: light(style.color) };
});

const cases = {
  async upload_shows_verdicts({ open }) {
    const page = await open();
    await upload(page, await three());
    await page.waitForSelector('table.dataframe');
    assert.match(await page.textContent('h1'), /1 of 2 rows/);
    const cells = await page.$$eval('table.dataframe tbody tr', (rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)));
    assert.equal(cells.length, 2);
    assert.deepEqual([cells[0].at(-4), cells[0].at(-3), cells[0].at(-1)], ['=cmd()', 'phishing', '0.0']);
    assert.deepEqual([cells[1].at(-4), cells[1].at(-3), cells[1].at(-1)], ['<b>fine</b>', 'legitimate', '1.0']);
    assert.match(await page.textContent('main'), /Rows that could not be used/);
    // The verdict is in sight without scrolling, however many columns stand before it.
    assert.ok(await page.locator('td.phishing').first().evaluate((cell) => {
      const [inner, outer] = [cell, cell.closest('.scroll')].map((element) => element.getBoundingClientRect());
      return inner.left >= outer.left && inner.right <= outer.right;
    }));
    await page.click('text=Classify another file');
    await page.waitForSelector('input[name=file]');
  },

  async download_is_guarded({ open }) {
    const page = await open();
    const waiting = page.waitForEvent('download');
    await Promise.all([waiting, upload(page, await three(), 'csv')]);
    const download = await waiting;
    assert.equal(download.suggestedFilename(), 'predictions.csv');
    const lines = readFileSync(await download.path(), 'utf8').trim().split('\n');
    assert.equal(lines.length, 3);
    assert.ok(lines[0].endsWith(',note,reasons,label,probability,predicted_column'), lines[0]);
    assert.match(lines[1], /^-1,.*,-1,'=cmd\(\),.*\(\+\d+\.\d\d\); .*,phishing,0\.\d{6},0\.0$/);
  },

  async works_without_script({ open }) {
    const page = await open({ javaScriptEnabled: false });
    await upload(page, await three());
    assert.match(await page.textContent('h1'), /1 of 2 rows/);
    assert.equal(await page.locator('td.reasons').count(), 2);
    assert.equal(await page.locator('td.reasons').first().locator('div').count(), 3);
    assert.equal(await page.locator('script').count(), 0);
  },

  async light_and_dark({ open }) {
    for (const path of ['/', '/models/current']) {
      for (const colorScheme of ['light', 'dark']) {
        const page = await open({ colorScheme });
        await page.goto(url + path);
        const { paper, ink } = await shades(page);
        assert.ok(colorScheme === 'light' ? paper > 0.9 && ink < 0.25 : paper < 0.2 && ink > 0.8, `${path} ${colorScheme} ${paper} ${ink}`);
        await page.screenshot({ path: join(scratch, `${colorScheme}${path.replaceAll('/', '-')}.png`), fullPage: true });
      }
    }
  },

  async narrow_window_never_scrolls_sideways({ open }) {
    const page = await open({ viewport: { width: 360, height: 740 } });
    const check = async (what) => assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, what);
    for (const path of ['/', '/models/current', '/nothing']) {
      await page.goto(url + path);
      await check(path);
    }
    await upload(page, await three());
    await page.waitForSelector('table.dataframe');
    await check('result');
    await page.screenshot({ path: join(scratch, 'narrow-result.png'), fullPage: true });
  },

  async keyboard_reaches_the_content_first({ open }) {
    const page = await open();
    await page.goto(url);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.notEqual(outline, 'none');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
    for (const field of ['file', 'format', 'threshold', 'skip']) {
      assert.ok(await page.locator(`label[for=${field}]`).count() === 1, field);
    }
  },

  async refused_file_says_why({ open }) {
    const page = await open();
    await upload(page, { name: 'photo.png', mimeType: 'image/png', buffer: Buffer.from('\x89PNG\r\n\x1a\n', 'latin1') });
    await page.waitForSelector('[role=alert]');
    assert.match(await page.textContent('[role=alert]'), /PNG image/);
    await page.click('text=Back to the start');
    await page.waitForSelector('input[name=file]');
  },

  async model_card_has_its_plots({ open }) {
    const page = await open();
    await page.goto(`${url}/models/current`);
    const { card } = await (await fetch(`${url}/models/current`, { headers: { accept: 'application/json' } })).json();
    const plots = await page.locator('svg.plot[role=img]').count();
    assert.equal(plots, card ? 6 : 0);
    if (card) assert.ok((await page.locator('svg.plot').first().boundingBox()).height > 150);
  },

  async no_page_breaks_its_own_policy({ open, complaints }) {
    const page = await open();
    for (const path of ['/', '/models/current', '/nothing']) await page.goto(url + path);
    await upload(page, await three());
    await page.waitForSelector('table.dataframe');
    assert.deepEqual(complaints.filter((text) => !/status of 404/.test(text)), []);
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
const open = async (options = {}) => {
  const page = await (await browser.newContext({ acceptDownloads: true, ...options })).newPage();
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  return page;
};
try {
  await cases[name]({ open, complaints });
} finally {
  await browser.close();
}
