/** Claims as an identity provider might sign them: nothing in them breaks the requests of whoever they are of. */
import fc from 'fast-check';
import { SignJWT } from 'jose';
import { Bench } from '../support/bench.ts';
import { JWT_SECRET, send, type TestApp } from '../support/app.ts';

let bench: Bench;
let app: TestApp;

beforeAll(async () => {
  bench = await Bench.open();
  app = await bench.server({ env: { RATE_LIMIT_REFUSED: '0' } });
});

afterAll(() => bench.close());

function sign(claims: Record<string, unknown>): Promise<string> {
  return new SignJWT({ exp: Math.floor(Date.now() / 1_000) + 3_600, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(JWT_SECRET));
}

/** Text of what databases, JSON and people's eyes stumble over. */
const hostileText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\0',
        '\ud800',
        '\udfff',
        '\udc00\ud800',
        '\u202e',
        '\ufeff',
        '\\u0000',
        "'",
        '%',
        '😀',
        'ß',
        ' ',
        '\n',
        '\x7f',
      ),
      fc.string({ unit: 'binary', maxLength: 5 }),
      fc.constantFrom('x'.repeat(254), '😀'.repeat(127), 'y'.repeat(600)),
    ),
    { maxLength: 4 },
  )
  .map((parts) => parts.join(''));

const hostile = fc.oneof(
  { weight: 4, arbitrary: hostileText },
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(null, 0, -1, 1e300, true, [], {}, [[]], ''),
);

const ASK = '{ viewer { kind subject user { name externalId credits { available } } } }';

it('the requests of a good subject go well, whatever else is said of them', async () => {
  let people = 0;
  await fc.assert(
    fc.asyncProperty(hostile, hostile, hostile, async (name, email, scope) => {
      const subject = `person-${(people += 1)}`;
      const token = await sign({ sub: subject, name, email, ...(typeof scope !== 'string' && { scope }) });
      const { data, errors } = await send(app.url, token, ASK);
      expect(errors).toEqual([]);
      const { user } = (data as never as { viewer: { user: { name: string; externalId: string } } }).viewer;
      expect(user.externalId).toBe(subject);
      expect(user.name.length).toBeLessThanOrEqual(255);
      expect(user.name.isWellFormed() && !user.name.includes('\0') && user.name.trim() !== '').toBe(true);
    }),
    { numRuns: 60 },
  );
});

it('a subject is somebody or nobody, and never an error of ours; nor is it for services and operators', async () => {
  await fc.assert(
    fc.asyncProperty(hostile, fc.constantFrom('', 'billing:usage', 'billing:operator'), async (sub, scope) => {
      const { errors } = await send(app.url, await sign({ sub, scope, name: 'Ann' }), ASK);
      const isText = typeof sub === 'string' && sub !== '' && sub.length <= 255;
      const isGood = isText && sub.isWellFormed() && !sub.includes('\0');
      expect(errors.map(({ extensions }) => extensions['code'])).toEqual(isGood ? [] : ['UNAUTHENTICATED']);
    }),
    { numRuns: 100 },
  );
});

it('times are times, or the token is refused', async () => {
  for (const claim of ['exp', 'nbf', 'iat', 'aud', 'iss', 'jti']) {
    for (const value of [null, 'soon', -1, 1e300, 1.5, [], {}, true, '\0', Number.MAX_SAFE_INTEGER]) {
      const { errors } = await send(app.url, await sign({ sub: 'ann', [claim]: value }), ASK);
      expect(['UNAUTHENTICATED', undefined]).toContain(errors[0]?.extensions['code']);
    }
  }
});
