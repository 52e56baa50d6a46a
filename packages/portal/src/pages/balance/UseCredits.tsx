import { type ReactNode, useState } from 'react';
import { useCurrent, useReasonAgainst } from '../../account/current.tsx';
import { Refused } from '../../account/Refused.tsx';
import { useSend } from '../../api/data.ts';
import { type BalancePageQuery, ConsumeCreditsDocument, type RefusalFragment } from '../../gql/graphql.ts';
import { useLive } from '../../live/LiveProvider.tsx';
import { text } from '../../text.ts';
import { Banner } from '../../ui/Banner.tsx';
import { Button } from '../../ui/Button.tsx';
import { count } from '../../ui/format.ts';
import { costOf, type Line, lineFor, SIZES } from './demo-use.ts';

type Rates = BalancePageQuery['creditRates'];

type Said =
  | { readonly kind: 'used' | 'failed'; readonly sentence: string }
  | { readonly kind: 'refused'; readonly refusal: RefusalFragment; readonly used: number };

/** Uses credits for real, so that a newcomer sees what moves. It is there in local mode alone. */
export function UseCredits({ rates }: { readonly rates: Rates }): ReactNode {
  const reason = useReasonAgainst('credits.consume');
  const consume = useConsume();
  const { balance } = useLive();
  const [busy, setBusy] = useState(false);
  const [said, say] = useState<Said | null>(null);
  const words = text.firstMinutes.demo;

  const doing = async (work: () => Promise<Said>): Promise<void> => {
    setBusy(true);
    say(null);
    const came = await work();
    setBusy(false);
    say(came);
  };
  const once = async (line: Line): Promise<Said> => {
    const sent = await consume(line);
    return sent.kind === 'used'
      ? { kind: 'used', sentence: words.used(credits(sent.credits), credits(sent.left)) }
      : sent;
  };
  /** Takes what is left, and then more. Where overage is allowed nothing is refused, so it ends after two. */
  const untilRefused = async (): Promise<Said> => {
    let used = 0;
    for (const wanted of [balance.get()?.available ?? 0, MORE]) {
      if (wanted === 0) continue;
      const sent = await consume(lineFor(wanted, rates));
      if (sent.kind === 'refused') return { ...sent, used };
      if (sent.kind === 'failed') return sent;
      used += sent.credits;
    }
    return { kind: 'used', sentence: words.notRefused(credits(used)) };
  };

  return (
    <section className="card form" aria-labelledby="use-credits">
      <div>
        <h2 id="use-credits">{words.title}</h2>
        <p className="hint">{words.hint}</p>
      </div>
      <div className="row">
        {SIZES.map((line) => (
          <Button key={line.quantity} busy={busy} reason={reason} onClick={() => void doing(() => once(line))}>
            {line.resource === 'COMPUTE'
              ? words.minute(credits(costOf(line, rates)))
              : words.tokens(count(line.quantity), credits(costOf(line, rates)))}
          </Button>
        ))}
        <Button kind="danger" busy={busy} reason={reason} onClick={() => void doing(untilRefused)}>
          {words.untilRefused}
        </Button>
      </div>
      <div aria-live="polite" className="announced">
        {said?.kind === 'used' && <p className="figures">{said.sentence}</p>}
        {said?.kind === 'failed' && <Banner tone="bad">{said.sentence}</Banner>}
        {said?.kind === 'refused' && said.used > 0 && <p>{words.usedAndRefused(credits(said.used))}</p>}
      </div>
      {said?.kind === 'refused' && <Refused of={said.refusal} />}
    </section>
  );
}

const MORE = 1_000;

type Consumed =
  | { readonly kind: 'used'; readonly credits: number; readonly left: number }
  | { readonly kind: 'refused'; readonly refusal: RefusalFragment; readonly used: number }
  | { readonly kind: 'failed'; readonly sentence: string };

function useConsume(): (line: Line) => Promise<Consumed> {
  const { account } = useCurrent();
  const { balance } = useLive();
  const send = useSend(ConsumeCreditsDocument);
  const where = account.type === 'ORGANIZATION' ? { organizationExternalId: account.externalId } : {};
  return async (line) => {
    const idempotencyKey = `demo-${crypto.randomUUID()}`;
    const sent = await send({ input: { ...where, idempotencyKey, lines: [{ ...line, model: 'demo' }] } });
    if (!sent.ok) return { kind: 'failed', sentence: sent.message };
    const { consumeCredits: answer } = sent.data;
    switch (answer.__typename) {
      case 'ConsumeCreditsSuccess':
        balance.accept(answer.balance);
        return { kind: 'used', credits: answer.credits, left: answer.balance.available };
      case 'UsageRefused':
        balance.accept(answer.balance);
        return { kind: 'refused', refusal: answer, used: 0 };
      case 'UsageRejected':
        return { kind: 'failed', sentence: answer.message };
    }
  };
}

function credits(n: number): string {
  return text.credits(count(n), n);
}
