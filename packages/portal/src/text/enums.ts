/** The words for the API's enums that more than one page shows. */
import type { AlertType, ApiKeyStatus, CreditGrantSource, LedgerEntryKind } from '../gql/graphql.ts';

export const grantSources: Record<CreditGrantSource, string> = {
  ADJUSTMENT: 'Adjustment',
  PROMOTION: 'Promotion',
  PURCHASE: 'Purchase',
  SUBSCRIPTION: 'Plan',
  TRANSFER: 'Transfer',
  TRIAL: 'Trial',
};

export const entryKinds: Record<LedgerEntryKind, string> = {
  ADJUSTMENT: 'Adjustment',
  CLAWBACK: 'Taken back',
  CONSUMPTION: 'Use',
  EXPIRY: 'Expired',
  GRANT: 'Credits given',
  HOLD: 'Held',
  OVERAGE: 'Overage',
  REFUND: 'Refund',
  RELEASE: 'Released',
  REPAYMENT: 'Debt repaid',
  TRANSFER_IN: 'Transfer in',
  TRANSFER_OUT: 'Transfer out',
};

export const alertTypes: Record<AlertType, string> = {
  WARNING: 'Warning',
  CRITICAL: 'Critical',
  EXHAUSTED: 'Nothing left',
  RECOVERED: 'Credits are back',
  MEMBER_LIMIT: 'Member’s limit',
  OVERAGE_STARTED: 'Overage began',
  OVERAGE_CAP_REACHED: 'Overage cap reached',
  PAYMENT_FAILED: 'Payment failed',
};

export const keyStatuses: Record<ApiKeyStatus, string> = { ACTIVE: 'Active', EXPIRED: 'Expired', REVOKED: 'Revoked' };
