import { loadConfig } from '../../src/config/config.ts';
import { createOriginCheck } from '../../src/http/origins.ts';

describe('a page may call the API in local mode', () => {
  const mayCall = createOriginCheck(loadConfig({}, 'local'));

  it.each([
    'http://localhost',
    'http://localhost:5173',
    'https://localhost:8443',
    'http://app.localhost:3000',
    'http://127.0.0.1:4000',
    'http://127.9.8.7',
    'http://[::1]:3000',
  ])('from this machine: %s', (origin) => {
    expect(mayCall(origin, 'localhost:4000')).toBe(true);
  });

  it.each([
    'https://evil.example',
    'http://localhost.evil.example',
    'http://evillocalhost',
    'http://127.0.0.1.evil.example',
    'http://127.0.0.256',
    'http://10.0.0.1',
    'http://[::2]',
    'http://user@localhost',
    'http://evil.example/localhost',
    'http://localhost/',
    'http://localhost:x',
    'ftp://localhost',
    'null',
    '',
  ])('from nowhere else: %j', (origin) => {
    expect(mayCall(origin, 'localhost:4000')).toBe(false);
  });
});
