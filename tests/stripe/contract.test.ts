import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { routes } from '../../src/stripe/emulator/api.ts';
import { type Bench, startBench } from '../support/emulator.ts';
import { tourOfTheApi } from '../support/emulator-tour.ts';
import { contractViolations, objectViolations, unknownParameters } from '../support/stripe-contract.ts';

describe("the emulator and the SDK's own declarations", () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await startBench();
    await tourOfTheApi(bench);
  });

  afterAll(() => bench.emulator.stop());

  test('the tour goes by every call', () => {
    const visited = bench.emulator.traffic.filter(({ status }) => status < 400);
    const missed = routes
      .filter(({ method, path }) => {
        const pattern = new RegExp(`^${path.replaceAll(/:\w+/g, '[^/]+')}$`);
        return !visited.some((each) => each.method === method && pattern.test(each.path));
      })
      .map(({ method, path }) => `${method} ${path}`);
    expect(missed).toEqual([]);
  });

  test('every call and every answer is as declared', () => {
    expect(contractViolations(bench.emulator.traffic)).toEqual([]);
  });

  test('what events carry is as declared', async () => {
    const events = await bench.stripe.events.list({ limit: 100 }).autoPagingToArray({ limit: 10_000 });
    // The one object that no call answers with.
    const objects = events.map((event) => event.data.object).filter(({ object }) => !object.endsWith('_summary'));
    expect([...new Set(objects.flatMap((each) => objectViolations(JSON.parse(JSON.stringify(each)))))]).toEqual([]);
  });

  test.each(routes.map(({ method, path, fields }) => ({ method, path, fields })))(
    '$method $path accepts nothing that the SDK does not have',
    (route) => {
      expect(unknownParameters(route)).toEqual([]);
    },
  );

  test('differences are found', () => {
    const [exchange] = bench.emulator.traffic.filter(
      ({ path, method }) => path === '/v1/customers' && method === 'POST',
    );
    if (exchange === undefined) throw new Error('the tour made no customer');
    const answer = exchange.answer as Record<string, unknown>;
    expect(
      contractViolations([
        { ...exchange, parameters: { emial: 'a@example.com', tax_exempt: 'perhaps' } },
        { ...exchange, answer: { ...answer, balance: '0', livemode: null, surprise: 1, created: undefined } },
      ]),
    ).toEqual([
      'CustomerResource.create takes CustomerCreateParams.emial: unknown',
      'CustomerResource.create takes CustomerCreateParams.tax_exempt: "perhaps" is no value',
      expect.stringContaining('balance'),
      expect.stringContaining('livemode: null'),
      expect.stringContaining('surprise: unknown'),
    ]);
  });
});
