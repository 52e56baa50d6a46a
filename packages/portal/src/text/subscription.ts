/** The words of the page of the subscription. Credits first, dollars beside them. */
import type { BillingSubscriptionStatus, SubscriptionWaitKind } from '../gql/graphql.ts';

const statuses: Record<BillingSubscriptionStatus, string> = {
  ACTIVE: 'Paid',
  CANCELED: 'Ended',
  INCOMPLETE: 'First payment missing',
  PAST_DUE: 'Payment failed',
  PAUSED: 'Paused',
  TRIALING: 'Trial runs',
  UNPAID: 'Unpaid',
};
const features: Readonly<Record<string, string>> = {
  basic_chatflows: 'Basic chatflows',
  all_chatflows: 'All chatflows',
};
const invoiceStates: Readonly<Record<string, string>> = {
  draft: 'Draft',
  open: 'To be paid',
  paid: 'Paid',
  uncollectible: 'Not collected',
  void: 'Void',
};

/** Each kind of what waits, in words for the payer. */
const waits: Record<SubscriptionWaitKind, string> = {
  PAYMENT_METHOD_MISSING:
    'No payment method is on file, so use beyond the credits ends early. It goes on once there is one.',
  PERIOD_UNPAID: 'The running period is not paid yet. Its credits come when it is.',
  OVERAGE_UNBILLED:
    'Use beyond the credits is not possible at the moment: whoever runs this installation has to settle it with Stripe first.',
  CUSTOMER_UNKNOWN:
    'What changes about this subscription waits: whoever runs this installation has to settle it with Stripe first.',
  COLLECTION_PAUSED:
    'Nothing is collected for this subscription at the moment, so its periods bring no credits. Whoever runs this installation can go on.',
  SEVERAL_PRICES:
    'This subscription has several prices, so its units cannot be changed here. Whoever runs this installation can change them.',
  SHORT_PERIODS: 'This subscription is paid by periods of less than a month. Each brings its share when it is paid.',
  MONEY_BACK_UNTOLD:
    'Money went back to you, and Stripe does not tell for which credits. Whoever runs this installation settles it.',
  SCHEDULED_AWAY:
    'It was arranged that this plan ends on a day to come. Ask whoever runs this installation if it is to go on.',
  PENDING_CHANGE: 'A change that was arranged for this subscription waits for its payment. It counts once it is paid.',
  MIXED_INTERVALS:
    'This subscription has prices by different intervals. Its periods follow one of them, until whoever runs this installation leaves one.',
  OTHER_CURRENCY:
    'This subscription is billed in another currency than the amounts here. Stripe’s invoices say what it costs.',
  OTHER_ITEMS: 'This subscription sells more than its plan. The rest is on Stripe’s invoices, and not shown here.',
  OTHER_SUBSCRIPTION: 'There is another subscription at Stripe, which is no plan here. Its invoices are Stripe’s.',
  SECOND_SUBSCRIPTION:
    'A second subscription is being undone, and its money goes back to you. Whoever runs this installation settles it.',
  OVERAGE_TWICE:
    'Use beyond the credits may be billed more than once. Whoever runs this installation has to settle it with Stripe.',
  UNITS_IN_PACKAGES:
    'The price of this subscription is for packages of units. Whoever runs this installation settles what a unit is.',
  MANY_ITEMS: 'This subscription has more parts than are shown here. Whoever runs this installation can settle it.',
  UNKNOWN_STATUS:
    'Stripe reports something new about this subscription, so everything stays as it was. Whoever runs this installation settles it.',
};

export const subscription = {
  statuses,
  /** A feature that has no name yet is shown as the API calls it. */
  feature: (code: string) => features[code] ?? code.replaceAll('_', ' '),
  units: (n: number, figures: string) => `${figures} ${n === 1 ? 'unit' : 'units'}`,
  perMonth: (price: string) => `${price} a month`,

  now: {
    title: 'Now',
    available: 'Available',
    plan: 'Plan',
    period: 'Period ends',
    renewsFor: (price: string) => `then ${price} for the next`,
    ends: 'then it ends',
    noPeriod: 'No plan is paid for',
    overage: 'Overage this period',
    overageOf: (credits: string, price: string) => `${credits} (${price})`,
  },

  plans: {
    title: 'Plans',
    present: 'Your plan',
    forUnit: 'for each unit',
    free: 'Free',
    creditsOnce: (n: string) => `${n} credits once. They do not expire.`,
    creditsPeriod: (n: string) => `${n} credits a month`,
    creditsUnit: (n: string) => `${n} credits a month for each unit`,
    lapse: 'What is left of them lapses when the month ends',
    overage: (price: string) => `Use can go on beyond them, if you allow it: ${price} for 100,000 credits`,
    noOverage: 'When they are used up, use stops',
    upgrade: (plan: string) => `Upgrade to ${plan}`,
    downgrade: (plan: string) => `Change to ${plan}`,
    changeUnits: 'Change units',
    cancel: 'Cancel subscription',
    pay: 'Nothing is charged before you confirm it on Stripe’s page.',
  },

  change: {
    keepPlan: (plan: string) => `Keep ${plan}`,
    keepUnits: (units: string) => `Keep ${units}`,
    giveUp: 'Give it up',
    pay: 'Pay now',
    endsOn: (plan: string) => `${plan} ends on`,
    endsThen: 'From then on no new credits come.',
    unitsOn: 'From',
    unitsThen: (units: string, credits: string, price: string) =>
      `on: ${units}, ${credits} credits a month for ${price}.`,
    waits: (plan: string, units: string) =>
      `The change to ${plan}, ${units}, waits for its payment. Nothing has changed yet.`,
    waitsUntil: 'It is given up by itself on',
    kept: (plan: string) => `${plan} goes on as it is.`,
    done: 'The change is made.',
    scheduled: 'The change is noted for the end of the period.',
    pastDue: 'The last payment failed. What is left can be used until',
    pastDueThen: 'Overage cannot. Pay the open invoice, or give another card.',
    unpaid:
      'The last payment failed, and all use is refused until it is paid. Pay the open invoice, or give another card.',
    incomplete: 'The first payment did not go through, so the plan has not begun. Upgrade again to pay for it.',
    paused: 'The subscription is paused: its trial ended without a card. Give a card, then let it go on.',
    resume: 'Let it go on',
    payInvoice: (price: string) => `Pay ${price}`,
    card: 'Give another card',
  },

  waiting: {
    kinds: waits,
    giveCard: 'Give a card',
    other: (reason: string) => `Something about this subscription waits: ${reason}`,
  },

  checkout: {
    asking: 'The payment is being looked up.',
    plan: (plan: string, credits: string) => `${plan} is paid: ${credits} credits have arrived. They last until`,
    credits: 'The payment went through, and the credits have arrived. They do not expire.',
    cancelled: 'You left the payment. Nothing was charged, and nothing has changed.',
    waiting: 'The payment is not confirmed yet. Nothing is lost: the credits arrive once it is.',
    again: 'Look again',
  },

  buyPlan: {
    units: 'Units',
    unitsHint: 'Each brings its own credits to everybody in the organization. 1 to 1,000.',
    unitsWrong: 'Give a whole number from 1 to 1,000.',
    credits: 'Credits at once',
    monthly: 'Each month',
    stays: 'What you have',
    staysOf: (credits: string) => `${credits} stay, and are used last`,
    features: 'You get',
    ends: 'To end it',
    endsHow: 'Any day, here. It then runs to the end of its month.',
    go: (price: string) => `Go to payment of ${price}`,
    leads: 'Stripe’s page opens. Nothing is charged before you confirm it there.',
  },

  unitsChange: {
    title: (plan: string) => `Units of ${plan}`,
    same: 'These are the units that you have.',
    now: 'To pay now',
    nowNothing: 'Nothing',
    arrives: 'Credits that come',
    arrivesHow: (credits: string) => `${credits}, for the rest of the month, as soon as it is paid`,
    from: 'From',
    fromNow: 'As soon as it is paid',
    credits: 'Credits a month',
    creditsOf: (after: string, before: string) => `${after} instead of ${before}`,
    monthly: 'Each month',
    monthlyOf: (after: string, before: string) => `${after} instead of ${before}`,
    untilThen: 'Until then nothing changes, and it can be taken back.',
    pay: (price: string, units: string) => `Pay ${price} for ${units}`,
    to: (units: string) => `Change to ${units}`,
  },

  end: {
    until: 'Until',
    untilHow: 'Everything stays as it is, and you can take this back.',
    lapses: 'Credits that lapse then',
    lapsesOf: (credits: string) => `${credits} of the plan, less what is used by then`,
    atLeast: (credits: string) => `at least ${credits}`,
    stays: 'Credits that stay',
    comes: 'Credits that come',
    comesOf: (credits: string) => `None. ${credits} came each month`,
    features: 'You lose',
    overage: 'Overage',
    overageNone: 'Ends then. There was none so far.',
    overageOf: (credits: string, price: string) => `Ends then. ${credits} so far are billed: ${price}`,
    money: 'Money',
    moneyOf: (price: string) => `${price} a month are no longer charged. What was paid is not paid back.`,
    button: { cancel: 'Cancel subscription', downgrade: (plan: string) => `Change to ${plan}` },
    back: (plan: string) => `Keep ${plan}`,
  },

  credits: {
    title: 'Buy credits',
    about: (price: string) =>
      `${price} for 100,000 credits, paid once. They do not expire, and are used after those of the plan.`,
    amount: 'Credits',
    hint: 'At least 12,500, in steps of 250.',
    packs: 'Amounts',
    pack: (credits: string, price: string) => `${credits} for ${price}`,
    wrong: 'Give a whole number, without signs or commas.',
    few: 'The least amount is 12,500 credits.',
    step: (below: string, above: string) => `Credits come in steps of 250: ${below} or ${above}.`,
    many: 'That is more than can be bought at once.',
    sum: (credits: string, price: string) => `${credits} credits cost ${price}.`,
    go: (price: string) => `Go to payment of ${price}`,
  },

  overage: {
    title: 'Overage',
    about: (price: string) =>
      `Use goes on beyond the credits and is billed with its month: ${price} for 100,000 credits.`,
    notInPlan: (plan: string) => `${plan} has no overage. What you set here counts once your plan has it.`,
    allow: 'Allow overage',
    cap: 'Cap in credits a month',
    capHint: 'Use is refused beyond it. Empty: no cap.',
    off: 'Use is refused when the credits are used up. Nothing is billed beyond the plan.',
    capped: (price: string, credits: string) => `At most ${price} a month beyond the plan: ${credits} credits.`,
    uncapped: 'There is no upper limit to what is billed.',
    used: (credits: string, price: string) => `${credits} credits of overage so far this month: ${price}.`,
    save: 'Save overage',
    saved: 'Overage is saved.',
  },

  invoices: {
    title: 'Invoices',
    none: 'There are no invoices yet.',
    away: 'Stripe cannot be reached, so invoices are not shown. Your credits do not depend on it.',
    next: 'Next invoice',
    nextOf: (price: string) => `${price} on`,
    nextOverage: (price: string) => `${price} of it for overage`,
    number: 'Number',
    draft: 'Not numbered yet',
    date: 'Date',
    amount: 'Amount',
    state: 'State',
    states: (status: string) => invoiceStates[status] ?? status,
    link: 'Invoice',
    open: 'Open',
    openNamed: (number: string) => `Open invoice ${number}`,
    pay: 'Pay',
    payNamed: (number: string) => `Pay invoice ${number}`,
    older: 'Older ones are on Stripe’s page.',
    portal: 'Cards and invoices at Stripe',
  },
} as const;
