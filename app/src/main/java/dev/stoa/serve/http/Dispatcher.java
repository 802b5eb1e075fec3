// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.http;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import java.util.Map;
import java.util.function.IntSupplier;

/// From a request to a reply: route, border, handler. Every failure leaves as an error body; nothing escapes.
/// Thread-safe.
public final class Dispatcher {
    private static final System.Logger LOG = System.getLogger("dev.stoa.serve");

    /// Told about every request when its reply is known.
    public interface Observer {
        void replied(String pattern, int status, long nanos);
    }

    private final RouteTable routes;
    private final Border border;
    private final IntSupplier retryAfterSeconds;
    private final Observer observer;

    public Dispatcher(RouteTable routes, Border border, IntSupplier retryAfterSeconds, Observer observer) {
        this.routes = routes;
        this.border = border;
        this.retryAfterSeconds = retryAfterSeconds;
        this.observer = observer;
    }

    public Reply handle(Request request) {
        long start = System.nanoTime();
        String pattern = "none";
        Reply reply;
        try {
            RouteTable.Match match = routes.find(request.method(), request.path());
            pattern = match.route().pattern();
            Request admitted = border.admit(request, match.route());
            reply = match.route().handler().handle(admitted.matched(match.parameters()));
        } catch (FaultException problem) {
            reply = error(problem.fault(), request.id());
        } catch (Exception bug) {
            LOG.log(System.Logger.Level.ERROR, "request=" + request.id() + " failed", bug);
            reply = error(Fault.of(AppFault.INTERNAL_ERROR, "something went wrong inside the server")
                    .next("look for request " + request.id() + " in the server's log"), request.id());
        }
        observer.replied(pattern, reply.status(), System.nanoTime() - start);
        return reply.with(Map.of("x-request-id", request.id()));
    }

    /// The error body of a fault, with `Retry-After` where trying again makes sense.
    public Reply error(Fault fault, String requestId) {
        int status = HttpStatus.of(fault.code());
        Reply reply = Reply.json(status, ErrorBody.of(fault, requestId));
        boolean retry = status == 429 || status == 503;
        return retry ? reply.with(Map.of("Retry-After", Integer.toString(retryAfterSeconds.getAsInt()))) : reply;
    }
}
