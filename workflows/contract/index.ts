// The shared language of all rooms.
export * from './activities';
export * from './approval';
export * from './cost';
export * from './failures';
export * from './limits';
export * from './message';
export * from './names';
export * from './queue';
export * from './queue-activities';
export * from './release';
export * from './run';
