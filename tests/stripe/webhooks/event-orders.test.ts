/** Every order of events that one can think of comes to one state: what Stripe has, when all has been told. */
import fc from 'fast-check';
import { type Buyer, CANCEL, type Shown, Till } from '../../support/till.ts';

/** For many buyers, on a machine that others use, too. */
const LONG_MS = 180_000;

let till: Till;

beforeAll(async () => {
  till = await Till.open();
});

afterAll(async () => {
  await till.close();
});

describe('whatever order events come in', () => {
  /** What one can see, but for what is another one's in any case. */
  const standingOf = async (buyer: Buyer): Promise<unknown> => {
    const { plan, credits, subscription }: Shown = await till.shown(buyer);
    const [atStripe] = await till.subscriptionsOf(buyer);
    expect(subscription?.id).toBe(subscription === null ? undefined : atStripe?.id);
    const paid = (await till.invoicesOf(buyer)).map(({ amount_paid: cents }) => cents);
    return { plan, credits, paid, status: atStripe?.status, subscription: subscription && { ...subscription, id: '' } };
  };

  test(
    'a purchase, its refund and more units come to the same, in all 24 of four events',
    async () => {
      const types = [
        'customer.subscription.created',
        'invoice.paid',
        'charge.refunded',
        'customer.subscription.updated',
      ];
      const orders = permutationsOf(types);
      await till.control.deliveryMode({ drop: ['*'] });
      const buyers = await Promise.all(orders.map(() => till.buyer()));
      for (const buyer of buyers) {
        await till.control.payCheckout(await till.checkout(buyer, { plan: 'PRO' }));
        await till.control.payCheckout(await till.checkout(buyer, { credits: 20_000 }));
        const [newest] = await till.chargesOf(buyer);
        await till.control.refund(newest?.id as string, 20);
        await till.changeAtStripe(buyer, 2);
      }
      const events = await till.eventsOf(...buyers);
      await till.control.deliveryMode({ drop: [] });
      for (const place of types.keys()) {
        for (const [index, order] of orders.entries()) {
          const event = events[index]?.findLast(({ type }) => type === order[place]);
          await till.control.resend(event?.id as string);
        }
      }
      await till.settled();
      for (const buyer of buyers) {
        expect(await till.shown(buyer)).toMatchObject({
          credits: { available: 500_000 + 500_000 + 20_000 - 5_000, owed: 0 },
          subscription: { quantity: 2, status: 'ACTIVE' },
        });
      }
      await till.expectProven(...buyers);
    },
    LONG_MS,
  );

  test(
    'a whole life ends up as one that was told of everything at once',
    async () => {
      const [first, ...others] = await Promise.all(Array.from({ length: 9 }, () => till.buyer()));
      const buyers = [first as Buyer, ...others];
      const told = buyers.map(() => new Set<string>());
      await till.control.deliveryMode({ hold: true });
      /** The first hears everything as it comes; two hear nothing before the end; the others what chance has it. */
      const tell = async (seed: number): Promise<void> => {
        const now: string[] = [];
        for (const [index, events] of (await till.eventsOf(...buyers)).entries()) {
          const known = told[index] as Set<string>;
          const news = events.map(({ id }) => id).filter((id) => !known.has(id));
          const chosen = index === 0 ? news : index < 3 ? [] : someOf(news, seed * 100 + index);
          for (const id of chosen) known.add(id);
          now.push(...chosen);
        }
        await till.control.releaseDeliveries(now);
        await till.settled();
      };
      const tellAll = async (): Promise<void> => {
        for (const [index, events] of (await till.eventsOf(...buyers)).entries()) {
          const left = events.map(({ id }) => id);
          await till.control.releaseDeliveries(
            index === 1 ? left : index === 2 ? left.toReversed() : shuffled(left, index),
          );
        }
        await till.settled();
      };
      /** Half of them ask us, the other half do it in the portal. */
      const isOurs = (buyer: Buyer): boolean => buyers.indexOf(buyer) % 2 === 0;

      for (const buyer of buyers) await till.control.payCheckout(await till.checkout(buyer, { plan: 'PRO' }));
      await tell(1);
      await till.moveTo('2027-02-10T00:00:00.000Z');
      for (const buyer of buyers) await (isOurs(buyer) ? till.change(buyer, 2) : till.changeAtStripe(buyer, 2));
      await tell(2);
      for (const buyer of buyers) await till.setCard(buyer, 'declined');
      await till.moveTo('2027-02-28T00:00:00.000Z');
      await tell(3);
      expect(await till.available(first as Buyer)).toBe(1_000_000);
      await till.moveTo('2027-02-28T01:00:00.000Z');
      await tell(4);
      expect(await till.shown(first as Buyer)).toMatchObject({
        credits: { available: 0 },
        subscription: { status: 'PAST_DUE' },
      });
      for (const buyer of buyers) await till.setCard(buyer, 'accepted');
      await till.moveTo('2027-03-03T01:00:00.000Z');
      await tellAll();
      const recovered = await standingOf(first as Buyer);
      expect(recovered).toMatchObject({
        credits: { available: 1_000_000, owed: 0 },
        subscription: { quantity: 2, status: 'ACTIVE', currentPeriodEnd: '2027-03-31T00:00:00.000Z' },
      });
      for (const buyer of others) expect(await standingOf(buyer)).toEqual(recovered);

      for (const buyer of buyers) {
        if (isOurs(buyer)) await till.of(buyer, CANCEL);
        else await cancelAtStripe(buyer);
      }
      await tell(5);
      await till.moveTo('2027-03-31T00:00:00.000Z');
      await tell(6);
      await till.moveTo('2027-03-31T01:00:00.000Z');
      await tellAll();
      const ended = await standingOf(first as Buyer);
      expect(ended).toMatchObject({
        plan: { code: 'FREE_TRIAL' },
        credits: { available: 0, owed: 0 },
        status: 'canceled',
        subscription: null,
      });
      for (const buyer of others) expect(await standingOf(buyer)).toEqual(ended);
      await till.expectProven(...buyers);
    },
    LONG_MS,
  );

  async function cancelAtStripe(buyer: Buyer): Promise<void> {
    const [subscription] = await till.subscriptionsOf(buyer);
    await till.stripe.call('subscription', (sdk) =>
      sdk.subscriptions.update(subscription?.id as string, { cancel_at_period_end: true }),
    );
  }
});

function permutationsOf<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, index) => permutationsOf(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));
}

const shuffled = <T>(items: readonly T[], seed: number): T[] =>
  fc.sample(fc.shuffledSubarray([...items], { minLength: items.length }), { numRuns: 1, seed })[0] as T[];

const someOf = <T>(items: readonly T[], seed: number): T[] =>
  fc.sample(fc.shuffledSubarray([...items]), { numRuns: 1, seed })[0] as T[];
