// How people and programs reach a running workflow. Handles are plain objects outside the sandbox, so clients import this file too.
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import { QUERY_NAMES, SIGNAL_NAMES, UPDATE_NAMES } from './contract/names';
import type { PersonDecision, PersonRequest } from './contract/approval';
import type { LifecycleRequest, SendAnswer, SendRequest, SessionView } from './contract/session';
import type {
  CancelRequest,
  ExtendRequest,
  PauseRequest,
  RunProgress,
  RunTranscript,
  SteerRequest,
} from './contract/run';
import type { RunEnded } from './contract/run-ended';
import type { TakeReleaseRequest } from './contract/take-release';
import type { RunAsks } from './contract/webhook';

export const pauseSignal = defineSignal<[PauseRequest?]>(SIGNAL_NAMES.pause);
export const resumeSignal = defineSignal(SIGNAL_NAMES.resume);
export const parentCancelledSignal = defineSignal<[CancelRequest]>(SIGNAL_NAMES.parentCancelled);
export const runEndedSignal = defineSignal<[RunEnded]>(SIGNAL_NAMES.runEnded);
export const runAsksSignal = defineSignal<[RunAsks]>(SIGNAL_NAMES.runAsks);
export const retireSignal = defineSignal<[LifecycleRequest?]>(SIGNAL_NAMES.retire);
export const sendUpdate = defineUpdate<SendAnswer, [SendRequest]>(UPDATE_NAMES.send);
export const sessionQuery = defineQuery<SessionView>(QUERY_NAMES.session);
export const cancelUpdate = defineUpdate<void, [CancelRequest]>(UPDATE_NAMES.cancel);
export const approveUpdate = defineUpdate<void, [PersonDecision]>(UPDATE_NAMES.approve);
export const denyUpdate = defineUpdate<void, [PersonDecision]>(UPDATE_NAMES.deny);
export const replaceUpdate = defineUpdate<void, [PersonDecision]>(UPDATE_NAMES.replace);
export const steerUpdate = defineUpdate<void, [SteerRequest]>(UPDATE_NAMES.steer);
export const takeReleaseUpdate = defineUpdate<void, [TakeReleaseRequest]>(UPDATE_NAMES.takeRelease);
export const extendUpdate = defineUpdate<void, [ExtendRequest]>(UPDATE_NAMES.extend);
export const pendingApprovalsQuery = defineQuery<PersonRequest[]>(QUERY_NAMES.pendingApprovals);
export const progressQuery = defineQuery<RunProgress>(QUERY_NAMES.progress);
export const transcriptQuery = defineQuery<RunTranscript>(QUERY_NAMES.transcript);
