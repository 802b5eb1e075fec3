// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import dev.stoa.serve.expert.Expert;
import dev.stoa.serve.expert.Experts;
import dev.stoa.serve.http.Dispatcher;
import dev.stoa.serve.http.Reply;
import dev.stoa.serve.pipeline.Pipeline;
import dev.stoa.serve.pipeline.StageRow;
import dev.stoa.serve.pipeline.Trace;
import io.prometheus.metrics.config.EscapingScheme;
import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.Gauge;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/// What Prometheus reads: requests, times, tokens, stages, routing decisions, experts. Thread-safe; one per server.
final class Metrics implements Dispatcher.Observer, Pipeline.StageObserver {
    private final PrometheusRegistry registry = new PrometheusRegistry();
    private final Counter requests = Counter.builder().name("stoa_requests_total").help("Requests by route and status.")
            .labelNames("route", "status").register(registry);
    private final Histogram seconds = Histogram.builder().name("stoa_request_seconds").help("Time to the reply, or to the start of a stream.")
            .labelNames("route").classicOnly().register(registry);
    private final Histogram firstToken = Histogram.builder().name("stoa_ttft_seconds").help("Time to the first token.")
            .classicOnly().register(registry);
    private final Histogram queue = Histogram.builder().name("stoa_queue_seconds").help("Time in the engine's queue.")
            .classicOnly().register(registry);
    private final Counter tokens = Counter.builder().name("stoa_tokens_total").help("Tokens by kind.").labelNames("kind").register(registry);
    private final Counter chats = Counter.builder().name("stoa_chats_total").help("Chat completions by outcome.")
            .labelNames("outcome").register(registry);
    private final Histogram stages = Histogram.builder().name("stoa_stage_seconds").help("Time per stage.").labelNames("stage")
            .classicOnly().register(registry);
    private final Counter degraded = Counter.builder().name("stoa_stage_degraded_total").help("Stages that had to be left out.")
            .labelNames("stage", "cause").register(registry);
    private final Counter decisions = Counter.builder().name("stoa_routing_decisions_total").help("Routing decisions.")
            .labelNames("label", "reason").register(registry);
    private final Counter rejections = Counter.builder().name("stoa_rejections_total").help("Requests refused for load.")
            .labelNames("reason").register(registry);
    private final Counter hits = Counter.builder().name("stoa_adapter_hits_total").help("Requests that used an expert.")
            .labelNames("adapter").register(registry);
    private final Gauge running = Gauge.builder().name("stoa_running").help("Requests being answered now.").register(registry);
    private final LongAdder finished = new LongAdder();

    Metrics(String kernels, Experts experts) {
        GaugeWithCallback.builder().name("stoa_adapter_bytes").help("Bytes of a mounted expert.").labelNames("adapter", "version")
                .callback(gauge -> {
                    for (Expert one : experts.list()) gauge.call(one.bytes(), one.name(), one.version());
                }).register(registry);
        GaugeWithCallback.builder().name("stoa_build_info").help("Version and kernels.").labelNames("version", "kernel")
                .callback(gauge -> gauge.call(1, Version.STOA, kernels)).register(registry);
        GaugeWithCallback.builder().name("stoa_heap_bytes").help("Java heap in use.")
                .callback(gauge -> gauge.call(Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory())).register(registry);
    }

    @Override
    public void replied(String pattern, int status, long nanos) {
        requests.labelValues(pattern, Integer.toString(status)).inc();
        seconds.labelValues(pattern).observe(nanos / 1e9);
        if (status == 429) rejections.labelValues("queue_full").inc();
    }

    @Override
    public void stage(StageRow row) {
        if (row.status() == StageRow.Status.SKIPPED) return;
        stages.labelValues(row.id()).observe(row.durUs() / 1e6);
        if (row.status() == StageRow.Status.DEGRADED) degraded.labelValues(row.id(), row.reason()).inc();
    }

    @Override
    public void started() {
        running.inc();
    }

    @Override
    public void finished(Trace trace) {
        chats.labelValues(trace.outcome()).inc();
        tokens.labelValues("prompt").inc(trace.promptTokens());
        tokens.labelValues("completion").inc(trace.completionTokens());
        if (trace.outcome().equals("ok")) {
            firstToken.observe(trace.firstTokenMs() / 1e3);
            queue.observe(trace.queueMs() / 1e3);
        }
        for (Trace.AppliedExpert expert : trace.experts()) hits.labelValues(expert.id()).inc();
        if (trace.decision() != null) {
            String label = trace.decision().active().isEmpty() ? "base" : trace.decision().active().getFirst().label();
            decisions.labelValues(label, trace.decision().reason().name().toLowerCase(Locale.ROOT)).inc();
        }
        finished.increment();
        running.dec();                          // last: whoever sees no request running sees its counts
    }

    /// Chats finished since the start.
    long finished() {
        return finished.sum();
    }

    Reply reply() throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        PrometheusTextFormatWriter writer = PrometheusTextFormatWriter.create();
        writer.write(out, registry.scrape(), EscapingScheme.DEFAULT);
        return new Reply.Full(200, Map.of(), PrometheusTextFormatWriter.CONTENT_TYPE, out.toByteArray());
    }
}
