import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encryptionKeysOf, localJwtSecret, localSessionSecret } from '../../src/local/secrets.ts';

let parent: string;
let dataDir: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'tollgate-'));
  dataDir = join(parent, 'data');
});

afterEach(() => rm(parent, { recursive: true, force: true }));

describe('local mode', () => {
  it('makes an encryption key that processes started together share, and that later ones find; nobody else may read it', async () => {
    const [first, ...others] = await Promise.all(
      Array.from({ length: 8 }, () => encryptionKeysOf({ encryptionKeys: [], dataDir })),
    );
    expect(first).toMatchObject([{ id: 'local' }]);
    expect(first?.[0]?.key).toHaveLength(32);
    const later = await encryptionKeysOf({ encryptionKeys: [], dataDir });
    for (const other of [...others, later]) expect(other).toEqual(first);
    expect(await readdir(dataDir)).toEqual(['encryption-key']);
    expect((await stat(join(dataDir, 'encryption-key'))).mode & 0o777).toBe(0o600);
  });

  it('takes keys that are given, and makes none', async () => {
    const encryptionKeys = [{ id: 'k1', key: Buffer.alloc(32) }];
    expect(await encryptionKeysOf({ encryptionKeys, dataDir })).toBe(encryptionKeys);
    expect(await readdir(parent)).toEqual([]);
  });

  it('keeps what tokens are signed with, or goes without keeping it where it cannot', async () => {
    expect((await localJwtSecret({ dataDir })).length).toBeGreaterThanOrEqual(32);
    await encryptionKeysOf({ encryptionKeys: [], dataDir });
    const kept = await localJwtSecret({ dataDir });
    expect(await localJwtSecret({ dataDir })).toBe(kept);
  });

  it('keeps what sessions are sealed with, apart from what tokens are signed with', async () => {
    expect((await localSessionSecret({ dataDir })).length).toBeGreaterThanOrEqual(32);
    await encryptionKeysOf({ encryptionKeys: [], dataDir });
    const kept = await localSessionSecret({ dataDir });
    expect(await localSessionSecret({ dataDir })).toBe(kept);
    expect(await localJwtSecret({ dataDir })).not.toBe(kept);
    expect((await stat(join(dataDir, 'session-secret'))).mode & 0o777).toBe(0o600);
  });
});
