/** The package's public names; every other file is its own business. */
export { type Exchange, routes } from './api.ts';
export type { Clock } from './clock.ts';
export { EmulatorControl } from './control.ts';
export { type Emulator, type EmulatorOptions, startEmulator } from './emulator.ts';
export type { Fault, FaultRequest } from './faults.ts';
export type { Behaviour, CardOutcome, Delivery, Endpoint } from './tables.ts';
export type { DeliveryMode, DeliveryTiming, ReleaseOrder } from './webhooks.ts';
