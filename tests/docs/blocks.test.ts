/**
 * What README and the API guide show is what the demo does: every block runs against a local mode that was started as README
 * says, in their order, and answers that are shown are compared. A new block runs by itself, or says why not.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { send, tokenOf } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { freePort } from '../support/free-port.ts';
import { ServerProcess } from '../support/server-process.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Block, blocksOf, operationsIn, shapeOf } from './blocks.ts';

const FILES = ['README.md', 'docs/api.md'];
/** Where the files say that the demo listens. */
const SHOWN_AT = 'localhost:4000';

const blocks = (await Promise.all(FILES.map(async (file) => blocksOf(file, await readFile(file, 'utf8'))))).flat();

let bench: Bench;
let dataDir: string;
let demo: ServerProcess;
let host: string;
/** Tokens by who bears them: the people whose tokens the demo prints, and others. */
const tokens = new Map<string, string>();
/** Ids by the names that comments in the files have for them. */
const ids = new Map<string, string>();

beforeAll(async () => {
  bench = await Bench.open();
  dataDir = await mkdtemp(join(tmpdir(), 'tollgate-demo-'));
  demo = await ServerProcess.start(await freePort(), {
    DATABASE_URL: bench.database.url,
    DATA_DIR: dataDir,
    DEMO: '1',
    STRIPE_SECRET_KEY: '',
    STRIPE_WEBHOOK_SECRET: '',
    STRIPE_API_BASE: '',
    STRIPE_EMULATOR_PORT: String(await freePort()),
    RETURN_ORIGINS: 'https://app.example.com',
  });
  host = new URL(demo.url).host;
  await waitFor(() => /operator +ey\S+\n/.test(demo.output), 'the tokens to be printed');
  for (const [, as = '', token = ''] of demo.output.matchAll(/^ {2}(\w+) +(ey\S+)$/gm)) tokens.set(as, token);
  tokens.set('service', await tokenOf('a-platform', { scope: 'billing:usage' }));
  tokens.set('mia', await tokenOf('mia'));
  await populate();
});

afterAll(async () => {
  await demo.stop();
  await rm(dataDir, { recursive: true });
  await bench.close();
});

async function done<T>(as: string, query: string): Promise<T> {
  const { data, errors } = await send(demo.url, tokens.get(as) as string, query);
  expect(errors).toEqual([]);
  return Object.values(data as Record<string, T>)[0] as T;
}

/** The customer whom the guide's examples name beside the people of the demo. */
async function populate(): Promise<void> {
  const { user } = await done<{ user: { id: string } }>('user', '{ viewer { user { id } } }');
  ids.set('user', user.id);
  const owner = await done<{ user: { id: string } }>('mia', '{ viewer { user { id } } }');
  ids.set('mia', owner.user.id);
  const made = 'externalId: "acme", name: "Acme", ownerExternalId: "demo-owner"';
  const { id } = await done<{ id: string }>('operator', `mutation { createOrganization(input: { ${made} }) { id } }`);
  ids.set('acme', id);
  // The trial of an owner's organization went to the demo's own (rule 4).
  const given = `idempotencyKey: "acme", billingEntityId: "${id}", amount: 10000, source: PROMOTION, reason: "examples"`;
  await done('operator', `mutation { grantCredits(input: { ${given} }) { balance { available } } }`);
  const member = `billingEntityId: "${id}", userExternalId: "demo-user", role: MEMBER, status: ACTIVE`;
  await done('operator', `mutation { setMember(input: { ${member} }) { id } }`);
  const key = `billingEntityId: "${id}", name: "own", type: CUSTOM, provider: ANTHROPIC, secret: "sk-ant-${'a1B2'.repeat(12)}"`;
  await done('owner', `mutation { createApiKey(input: { ${key} }) { apiKey { id } } }`);
}

/** Runs one block; what it answered, one answer for each operation in it. */
async function run(block: Block): Promise<Record<string, unknown>[]> {
  const text = block.text.replaceAll(SHOWN_AT, host);
  const token = tokens.get(block.as);
  if (token === undefined) throw new Error(`nobody is called ${block.as}`);
  const named = Object.fromEntries(Object.entries(block.given).map(([name, of]) => [name, ids.get(of)]));
  switch (block.language) {
    case 'graphql': {
      const answers = [];
      for (const operation of operationsIn(text)) {
        const own: Record<string, unknown> = Object.fromEntries(
          [...operation.matchAll(/\$(id|entity): ID!/g)].map(([, name]) => [name, ids.get('user')]),
        );
        const { data, errors } = await send(demo.url, token, operation, { ...own, ...named, ...block.variables });
        answers.push({ data, ...(errors.length > 0 && { errors }) });
      }
      return answers;
    }
    case 'sh': {
      const { stdout } = await promisify(execFile)('bash', ['-c', text], {
        env: { PATH: process.env['PATH'], TOKEN: token },
      });
      return [JSON.parse(stdout) as Record<string, unknown>];
    }
    case 'js':
      return [{ data: await firstLineOf(partOf(block) + text, { TOKEN: token, ENTITY: ids.get('user') as string }) }];
    default:
      throw new Error(`${block.file}:${block.line}: nobody knows how to run a block of «${block.language}»`);
  }
}

/** The part that the block goes on from, as the file shows it; empty: it is whole. */
function partOf({ file, line, from }: Block): string {
  if (from === null) return '';
  const part = blocks.find((each) => each.file === file && each.part === from);
  if (part === undefined) throw new Error(`${file}:${line} goes on from «${from}», which is not there`);
  return `${part.text.replaceAll(SHOWN_AT, host)}\n`;
}

/** The first line that a module prints; it is ended then, since it would go on for ever. */
async function firstLineOf(code: string, env: Readonly<Record<string, string>>): Promise<string> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  let complaint = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  const ended = once(child, 'close');
  await waitFor(() => {
    if (child.exitCode !== null) throw new Error(`it ended: ${complaint}`);
    return printed.includes('\n');
  }, 'its first line');
  child.kill();
  await ended;
  return printed;
}

it.each(
  blocks
    .filter(({ notRun, part }) => notRun === null && part === null)
    .map((block) => [`${block.file}:${block.line}`, block] as const),
)('%s does what it shows', async (_place, block) => {
  const answers = await run(block);
  for (const answer of answers) {
    expect(answer).not.toHaveProperty('errors');
    expect(Object.values(answer['data'] ?? { nothing: null })).not.toContain(null);
  }
  if (block.answer === null) return;
  expect(answers.map(shapeOf)).toEqual([shapeOf(block.answer)]);
  // What has an idempotency key takes effect once, and shows that again.
  expect((await run(block)).map(shapeOf)).toEqual([shapeOf(block.answer)]);
});

it('each block that is not run says why', () => {
  const reasons = blocks.flatMap(({ notRun }) => (notRun === null ? [] : [notRun]));
  expect(reasons.filter((reason) => reason.trim().length < 5)).toEqual([]);
  const unused = blocks.filter(({ part }) => part !== null && blocks.every(({ from }) => from !== part));
  expect(unused).toEqual([]);
});
