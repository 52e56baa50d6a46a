import { WebhookDeliveryRow, WebhookEndpointRow, WebhookSecretRow } from '../alerts/webhooks/webhook.entity.ts';
import {
  AlertAddressRow,
  ConfirmationCountRow,
  MailItemRow,
  MailRow,
  MailWindowRow,
  UserEmailRow,
} from '../alerts/mail/mail.entity.ts';
import { ApiKeyRow } from '../api-keys/api-key.entity.ts';
import { AuditLogEntryRow } from '../ledger/store/audit-log.entity.ts';
import { AlertPreferenceChangeRow, AlertRow, UndeliveredAlertRow } from '../ledger/store/alert-tables.entity.ts';
import { AlertAcknowledgementRow } from '../alerts/acknowledgement.entity.ts';
import { BillingEntityRow, EntityKeyRow } from '../billing-entities/billing-entity.entity.ts';
import { MembershipRow, PeopleNamedRow, UserOrganizationRow } from '../billing-entities/membership.entity.ts';
import {
  CreditAccountRow,
  CreditGrantRow,
  LedgerEntryRow,
  MeterReportRow,
  ReservationRow,
  UsageRecordRow,
  UsageRefundRow,
  UsageRollupDayRow,
  UsageRollupRow,
  UseCounterRow,
} from '../ledger/store/tables.entity.ts';
import { FormerCustomerRow, StripeCustomerRow } from '../stripe/account/stripe-customer.entity.ts';
import { StripeEventRow } from '../stripe/webhooks/stripe-event.entity.ts';
import { SubscriptionFindingRow } from '../subscriptions/finding.entity.ts';
import { PendingPaymentRow } from '../subscriptions/pending-payment.entity.ts';
import { UnpaidBaseRow } from '../subscriptions/unpaid-base.entity.ts';
import { EndedSessionRow } from '../sessions/ended-session.entity.ts';
import { ExportLinkRow } from '../usage/export-link.entity.ts';

/** Every table of the application, as the ORM knows it. */
export const entities = [
  AlertAcknowledgementRow,
  BillingEntityRow,
  EntityKeyRow,
  CreditAccountRow,
  CreditGrantRow,
  LedgerEntryRow,
  UsageRecordRow,
  ReservationRow,
  UsageRefundRow,
  UsageRollupDayRow,
  UsageRollupRow,
  UseCounterRow,
  MeterReportRow,
  AlertRow,
  UndeliveredAlertRow,
  AlertPreferenceChangeRow,
  ExportLinkRow,
  MembershipRow,
  UserOrganizationRow,
  PeopleNamedRow,
  ApiKeyRow,
  AuditLogEntryRow,
  StripeEventRow,
  StripeCustomerRow,
  FormerCustomerRow,
  PendingPaymentRow,
  SubscriptionFindingRow,
  UnpaidBaseRow,
  WebhookDeliveryRow,
  WebhookEndpointRow,
  WebhookSecretRow,
  MailItemRow,
  MailWindowRow,
  MailRow,
  AlertAddressRow,
  UserEmailRow,
  ConfirmationCountRow,
  EndedSessionRow,
];
