import { execFile } from 'node:child_process';
import { apiKeyId } from '../../src/kernel/public-ids.ts';
import { Installation, OPERATOR } from '../support/installation.ts';

const OLD = `k1:${Buffer.alloc(32, 7).toString('base64')}`;
const NEW = `k2:${Buffer.alloc(32, 8).toString('base64')}`;

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.open();
});

afterAll(() => installation.close());

/** What the command prints and how it ends. */
function run(keys: string | null): Promise<{ code: number | string | null; output: string }> {
  return new Promise((resolve) => {
    const env = {
      PATH: process.env['PATH'],
      DATABASE_URL: installation.database.url,
      ...(keys !== null && { ENCRYPTION_KEYS: keys }),
    };
    execFile(process.execPath, ['scripts/tollgate.mjs', 'keys:rotate'], { env }, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, output: `${stdout}${stderr}`.replace(/^built in .*\n/m, '') });
    });
  });
}

test('npm run keys:rotate wraps by the newest key, names what does not open, and its exit code says whether all do', async () => {
  const person = await installation.person(0n);
  const made = await Promise.all(
    ['sk-hunter2hunter2hunter2', 'sk-hunter3hunter3hunter3'].map((secret) =>
      installation.one.apiKeys.create(OPERATOR, person.id, {
        ...{ name: 'theirs', type: 'CUSTOM', provider: 'OPENAI', billingMode: null },
        ...{ secret, creditLimit: null, expiresAt: null },
      }),
    ),
  );
  await installation.one.webhookEndpoints.set(OPERATOR, person.id, 'https://example.com/');
  expect(await run(OLD)).toEqual({ code: 0, output: '0 wrapped by k1, 0 unreadable, 0 remain\n' });
  expect(await run(`${NEW},${OLD}`)).toEqual({ code: 0, output: '3 wrapped by k2, 0 unreadable, 0 remain\n' });
  expect(await run(null)).toEqual({
    code: 1,
    output: 'ENCRYPTION_KEYS is required with DATABASE_URL: the keys of the servers there\n',
  });
  const [{ apiKey }] = made as [(typeof made)[number]];
  await installation.behindItsBack(`update api_key set key_encryption_key = 'k1' where id = '${apiKey.id}'`);
  const altered = await run(`${NEW},${OLD}`);
  expect(altered.code).toBe(1);
  expect(altered.output).toContain(`${apiKeyId(person.id, apiKey.id)}: its secret cannot be opened`);
  expect(altered.output).toContain('0 wrapped by k2, 1 unreadable, 1 remain\n');
  expect(altered.output).not.toMatch(/hunter/);
}, 60_000);
