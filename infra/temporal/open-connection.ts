// A connection to Temporal that can be closed at any moment.
import {
  Connection,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
  type ConnectionOptions,
} from '@temporalio/client';

/** Of gRPC's statuses. */
const CANCELLED = 1;

/** As `Connection.connect`. What is asked when it is closed, or waits to be asked again, is answered as cancelled. */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const line = { isClosed: false };
  const connection = await Connection.connect({
    ...options,
    interceptors: [makeGrpcRetryInterceptor(defaultGrpcRetryOptions()), unlessClosed(line)],
  });
  const close = connection.close.bind(connection);
  connection.close = async () => {
    line.isClosed = true;
    await close();
  };
  return connection;
}

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];

/**
 * The SDK's retries wait on timers that outlive the connection, and gRPC throws into them when it is closed: nobody could catch
 * that, and it would end the process. On a closed connection a retry is answered as cancelled instead.
 */
const unlessClosed =
  (line: { readonly isClosed: boolean }): Interceptor =>
  (options, nextCall) => {
    if (!line.isClosed) return nextCall(options) as ReturnType<Interceptor>;
    const call: ReturnType<typeof nextCall> = {
      start: (metadata, listener) =>
        listener?.onReceiveStatus?.({ code: CANCELLED, details: 'the connection was closed', metadata }),
      cancelWithStatus: () => undefined,
      getPeer: () => '',
      getAuthContext: () => null,
      sendMessageWithContext: () => undefined,
      sendMessage: () => undefined,
      startRead: () => undefined,
      halfClose: () => undefined,
    };
    return call as ReturnType<Interceptor>;
  };
