/**
 * Rates the portal by Lighthouse, signed in: `npm run lighthouse`, on a machine at rest. It is no part of CI, because its
 * figures depend on the machine. Each page is rated five times, and its medians count.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { freePort, PortalServer } from '../tests/browser/support/server.js';

const VERSION = '12.2.3';
const LEAST = { accessibility: 100, 'best-practices': 95, performance: 90 };
const PATHS = ['/', '/usage', '/ledger', '/subscription', '/api-keys', '/alerts'];

const run = promisify(execFile);
const { values } = parseArgs({
  options: { runs: { type: 'string', default: '5' }, paths: { type: 'string', default: PATHS.join(',') } },
});
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium-headless-shell';
const profile = await mkdtemp(join(tmpdir(), 'tollgate-lighthouse-'));
const port = await freePort();
const portal = await PortalServer.start();
const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  args: ['--no-sandbox', `--remote-debugging-port=${port}`],
});
try {
  const page = await browser.newPage();
  await page.goto(`${portal.url}/sign-in?as=user`);
  for (const path of values.paths.split(',')) {
    const ratings = [];
    for (let at = 0; at < Number(values.runs); at += 1) ratings.push(await rate(path));
    const medians = Object.keys(LEAST).map((category) => [category, median(ratings.map((each) => each[category]))]);
    const isReached = medians.every(([category, score]) => score >= LEAST[category]);
    if (!isReached) process.exitCode = 1;
    console.log(
      `${path.padEnd(16)}${medians.map(([category, score]) => `${category} ${score}`).join('  ')}${isReached ? '' : '  NOT REACHED'}`,
    );
    const failed = new Set(ratings.flatMap(({ failed: audits }) => audits));
    for (const audit of failed) console.log(`${' '.repeat(16)}${audit}`);
  }
} finally {
  await browser.close();
  await portal.stop();
  await rm(profile, { recursive: true, force: true });
}

/** One rating: points of each category, and the audits that took some away, but for those of performance. */
async function rate(path) {
  const flags = ['--preset=desktop', '--output=json', '--quiet', '--disable-storage-reset', `--port=${port}`];
  const only = `--only-categories=${Object.keys(LEAST).join(',')}`;
  const url = `${portal.url}${path}`;
  const { stdout } = await run('npx', ['--yes', `lighthouse@${VERSION}`, url, ...flags, only], {
    maxBuffer: 100_000_000,
  });
  const { categories, audits } = JSON.parse(stdout);
  const points = Object.fromEntries(
    Object.keys(LEAST).map((category) => [category, Math.round(categories[category].score * 100)]),
  );
  const failed = ['accessibility', 'best-practices']
    .flatMap((category) => categories[category].auditRefs.filter(({ weight }) => weight > 0))
    .map(({ id }) => audits[id])
    .filter(({ score }) => score !== null && score < 1)
    .map(({ id, title }) => `${id}: ${title}`);
  return { ...points, failed };
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
