// How people and programs reach a running workflow. Handles are plain objects outside the sandbox, so clients import this file too.
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import { QUERY_NAMES, SIGNAL_NAMES, UPDATE_NAMES } from './contract/names';
import type { CancelRequest, PauseRequest, RunProgress, RunTranscript } from './contract/run';

export const pauseSignal = defineSignal<[PauseRequest?]>(SIGNAL_NAMES.pause);
export const resumeSignal = defineSignal(SIGNAL_NAMES.resume);
export const cancelUpdate = defineUpdate<void, [CancelRequest]>(UPDATE_NAMES.cancel);
export const progressQuery = defineQuery<RunProgress>(QUERY_NAMES.progress);
export const transcriptQuery = defineQuery<RunTranscript>(QUERY_NAMES.transcript);
