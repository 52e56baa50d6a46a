import { waitFor } from '../support/wait-for.ts';
import { get } from 'node:http';
import { connect } from 'node:net';
import { download, Exporting, MANY, PAGE, type Person, readAll, startReading } from './exporting.ts';

let files: Exporting;

beforeAll(async () => {
  files = await Exporting.open();
});

afterAll(() => files.close());

describe('the stream', () => {
  let person: Person;
  beforeAll(async () => {
    person = await files.newPerson();
    await files.insertUsage(person, { count: MANY });
  });
  const quiet = (): Promise<void> => waitFor(() => files.app.services.exports.openStreams === 0, 'all streams to end');

  it('reads a page when the client has read the one before, and shows what there was when it began', async () => {
    const pages = files.countPages();
    const slow = await startReading(await files.usageLink(person));
    // Whatever the slow one could have been sent unread, this one is sent after it, and all of it.
    const before = await readAll(await startReading(await files.usageLink(person)));
    expect(before.split('\r\n')).toHaveLength(MANY + 2);
    expect(pages.count - MANY / PAGE).toBeLessThan(15);
    await files.insertUsage(person, { from: MANY + 1, count: 10 });
    expect((await readAll(slow)) === before).toBe(true);
    expect(pages.count).toBe((2 * MANY) / PAGE);
    const from = new Date(files.clock.now().getTime() + MANY + 1);
    const newest = { billingEntityId: person.id, kind: 'USAGE', usageFilter: { from } };
    expect(await download(await files.linkOf(person.token, newest))).toHaveLength(10);
    await quiet();
  });

  it('stops when the client goes away', async () => {
    const pages = files.countPages();
    const slow = await startReading(await files.usageLink(person));
    slow.destroy();
    await quiet();
    expect(pages.count).toBeLessThan(15);
    expect(files.logged.filter((line) => line.includes('an export broke off'))).toEqual([]);
  });

  it('stops also when the client goes away before the first row', async () => {
    const pages = files.countPages();
    const { promise, resolve } = Promise.withResolvers<void>();
    pages.held = promise;
    const request = get(await files.usageLink(person), { agent: false }).on('error', () => undefined);
    await waitFor(() => pages.count === 1, 'the first page to be read');
    request.destroy();
    // Whatever the server was told before this, it has heard when it answers.
    await fetch(`http://127.0.0.1:${files.app.port}/healthz`);
    resolve();
    await quiet();
    expect(pages.count).toBe(1);
    expect(files.logged.filter((line) => line.includes('an export broke off'))).toEqual([]);
  });

  it('is cut off where it fails midway, and never looks complete', async () => {
    const pages = files.countPages();
    const response = await startReading(await files.usageLink(person));
    pages.fail = true;
    await expect(readAll(response)).rejects.toMatchObject({ code: 'ECONNRESET' });
    await quiet();
    expect(files.logged.filter((line) => line.includes('an export broke off'))).toEqual([
      expect.stringContaining('the disk is gone'),
    ]);
  });

  it('that fails before its first row is an error with a status', async () => {
    files.countPages().fail = true;
    const url = await files.usageLink(person);
    const response = await fetch(url);
    expect([response.status, response.headers.get('content-type')]).toEqual([500, 'application/json; charset=utf-8']);
    await quiet();
  });

  it('waits for room without spending the link', async () => {
    files.countPages();
    const other = await files.newPerson();
    const [first, second] = [
      await startReading(await files.usageLink(person)),
      await startReading(await files.usageLink(person)),
    ];
    const url = await files.usageLink(person);
    const busy = await fetch(url);
    expect([busy.status, busy.headers.get('retry-after')]).toEqual([503, '10']);
    expect(await download(await files.usageLink(other))).toEqual([]);
    first.destroy();
    await waitFor(() => files.app.services.exports.openStreams === 1, 'the first stream to end');
    expect((await startReading(url)).destroy().statusCode).toBe(200);
    second.destroy();
    await quiet();
  });

  it('needs one place for a link, however many race for it', async () => {
    files.countPages();
    const other = await startReading(await files.usageLink(person));
    const url = await files.usageLink(person);
    const answers = await Promise.all(Array.from({ length: 8 }, () => startReading(url)));
    const statuses = answers.map((answer) => String(answer.destroy().statusCode));
    expect(statuses.toSorted()).toEqual(['200', ...Array<string>(7).fill('404')]);
    other.destroy();
    await quiet();
  });

  it('is sent to one principal twice at a time, of however many entities, and others have theirs', async () => {
    files.countPages();
    const at = await files.bench.server({ clock: files.clock, env: { EXPORT_STREAMS: '6' } });
    const owners = await Promise.all(Array.from({ length: 4 }, () => files.newPerson()));
    for (const owner of owners) await files.insertUsage(owner, { count: MANY / 2 });
    // One who may read all of them, and reads none to its end.
    const links = await Promise.all(owners.map((owner) => files.usageLink({ ...owner, token: files.operator }, at)));
    const slow = await Promise.all(links.slice(0, 2).map(startReading));
    const [third = ''] = links.slice(2);
    const refused = await fetch(third);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '10']);
    expect(((await refused.json()) as { errors: { extensions: { code: string } }[] }).errors[0]?.extensions.code).toBe(
      'UNAVAILABLE',
    );
    const [other] = owners.slice(3) as [Person];
    expect(await download(await files.usageLink(other, at))).toHaveLength(MANY / 2);
    slow[0]?.destroy();
    await waitFor(() => at.services.exports.openStreams === 1, 'the first stream to end');
    // What was refused was not used up; what was cut is.
    expect(await download(third)).toHaveLength(MANY / 2);
    expect((await fetch(links[0] as string)).status).toBe(404);
    slow[1]?.destroy();
    await at.stop();
  });

  it('is cut off when the client reads, and too slowly; one that is fast enough has all of it', async () => {
    // As much as kernels keep is taken at once, so what is asked for is more than a slow one takes of the rest.
    const env = { EXPORT_STALL_MS: '1000', EXPORT_LEAST_BYTES: '8000000' };
    const at = await files.bench.server({ clock: files.clock, env });
    const slow = await startReading(await files.usageLink(person, at));
    let read = 0;
    const dripping = setInterval(() => {
      const chunk = slow.read(4_096) as Buffer | null;
      read += chunk?.length ?? 0;
    }, 50);
    slow.on('error', () => undefined);
    await waitFor(() => at.services.exports.openStreams === 0, 'the slow stream to be cut off');
    clearInterval(dripping);
    expect(read).toBeGreaterThan(0);
    await expect(readAll(slow)).rejects.toMatchObject({ code: 'ECONNRESET' });
    await at.stop();
    const patient = await files.bench.server({
      clock: files.clock,
      env: { ...env, EXPORT_LEAST_BYTES: '1000' },
    });
    expect((await download(await files.usageLink(person, patient))).length).toBeGreaterThanOrEqual(MANY);
    await patient.stop();
  });

  it('leaves no place taken when its connection goes while it waits behind another answer', async () => {
    files.countPages();
    const { hostname, port } = new URL(await files.usageLink(person));
    const [first, second] = [await files.usageLink(person), await files.usageLink(person)].map((url) =>
      url.slice(url.indexOf('/exports')),
    );
    const ask = (path = ''): string => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
    const socket = connect(Number(port), hostname, () => socket.write(ask(first) + ask(second))).pause();
    await waitFor(() => files.app.services.exports.openStreams === 2, 'both streams to begin');
    socket.destroy();
    await quiet();
  });

  it('is cut off when the client stops reading, or the server stops', async () => {
    const env = { EXPORT_STALL_MS: '100', EXPORT_STREAMS: '1', DRAIN_TIMEOUT_MS: '200' };
    const [impatient, stopping] = await Promise.all([
      files.bench.server({ clock: files.clock, env }),
      files.bench.server({ clock: files.clock, env: { ...env, EXPORT_STALL_MS: '60000' } }),
    ]);
    const stalled = await startReading(await files.usageLink(person, impatient));
    await waitFor(() => impatient.services.exports.openStreams === 0, 'the stalled stream to be cut off');
    await expect(readAll(stalled)).rejects.toMatchObject({ code: 'ECONNRESET' });
    const drained = await startReading(await files.usageLink(person, stopping));
    expect((await fetch(await files.usageLink(await files.newPerson(), stopping))).status).toBe(503);
    await Promise.all([impatient.stop(), stopping.stop()]);
    await expect(readAll(drained)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});
