// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.Fault;
import dev.stoa.generate.Event.TokenLogprob;
import dev.stoa.generate.Event.Usage;
import dev.stoa.generate.grammar.Constraint;
import dev.stoa.generate.grammar.Vocabulary;
import dev.stoa.tensor.Tensor;
import dev.stoa.token.Tokenizer;
import java.util.List;
import java.util.function.Consumer;

/// Samples a continuation token by token and reports it as events. The token that ends a text (eos) is counted in the
/// usage but is no token event; text that a stop string ends is cut before it.
final class GenerateTask implements Task {
    /// What the engine's thread lends to every generation.
    record Tools(Sampler sampler, Distribution distribution, Tokenizer tokenizer, List<Integer> eosIds, Forms forms) {}

    /// The tokens in the order that forms need. Sorting them takes long, so the first request with a form does it before it
    /// is handed to the engine's thread.
    static final class Forms {
        private Vocabulary vocabulary;

        synchronized Vocabulary vocabulary(Tokenizer tokenizer) {
            if (vocabulary == null) vocabulary = new Vocabulary(tokenizer);
            return vocabulary;
        }

        Constraint.Cursor cursor(Constraint form, Tools tools) {
            return new Constraint.Cursor(form, vocabulary(tools.tokenizer()), tools.eosIds());
        }
    }

    private final GenerateConfig config;
    private final Compose compose;
    private final double[] weights;
    private final int promptTokens;
    private final int maxTokens;
    private final long seed;
    private final Tools tools;
    private final TextStream text;
    private final Consumer<Event> sink;
    private final long arrival;
    private final Constraint form;
    private Constraint.Cursor cursor;
    private long admitted = Long.MIN_VALUE;
    private long firstToken;
    private int cached;
    private int sampled;
    private String reason;
    private String detail;
    private boolean ended;

    /// `weights` belong to the members after the base; `maxTokens` is already clipped to the context.
    GenerateTask(GenerateConfig config, Compose compose, double[] weights, int promptTokens, int maxTokens, long seed,
            Constraint form, Tools tools, Consumer<Event> sink, long arrival) {
        this.config = config;
        this.compose = compose;
        this.weights = weights;
        this.promptTokens = promptTokens;
        this.maxTokens = maxTokens;
        this.seed = seed;
        this.form = form;
        this.tools = tools;
        this.text = new TextStream(tools.tokenizer(), config.stop(), config.shown());
        this.sink = sink;
        this.arrival = arrival;
    }

    @Override
    public void started(long now, int cachedTokens) {
        admitted = now;
        cached = cachedTokens;
        sink.accept(new Event.Started(promptTokens, seed));
    }

    @Override
    public int logits(int position, Tensor logits, int[] rows, long now) {
        Distribution distribution = tools.distribution();
        double[] z = rows.length == 1
                ? distribution.read(logits, rows[0]) : distribution.combine(compose, logits, rows, weights);
        int id = tools.sampler().sample(formed(z), config, seed, sampled);
        TokenLogprob logprob = config.logprobs() < 0 ? null : Distribution.logprob(z, id, config.logprobs());
        if (sampled++ == 0) firstToken = now;
        if (!config.ignoreEos() && tools.eosIds().contains(id)) {
            Tokenizer tokenizer = tools.tokenizer();
            return end("stop", tokenizer == null ? "token " + id : tokenizer.decode(new int[] {id}, false));
        }
        sink.accept(new Event.Token(id, text.push(id), logprob));
        if (text.stopped() != null) return end("stop", text.stopped());
        if (cursor != null) cursor.accept(id);
        if (cursor != null && cursor.complete()) return end("stop", null);
        return sampled == maxTokens ? end("length", null) : id;
    }

    /// The logits without what the form forbids; log-probabilities are of the raw ones.
    private double[] formed(double[] z) {
        if (form == null) return z;
        if (cursor == null) cursor = tools.forms().cursor(form, tools);
        double[] masked = z.clone();
        cursor.mask(masked);
        return masked;
    }

    private int end(String why, String what) {
        reason = why;
        detail = what;
        return DONE;
    }

    @Override
    public int wantedLayer(int position) {
        return -1;
    }

    @Override
    public void residual(int position, float[] values) {
        throw new IllegalStateException("no residual was asked for");
    }

    @Override
    public void finish(String why, long now) {
        if (ended) return;
        ended = true;
        String rest = text.flush();
        double total = ms(now - arrival);
        Usage usage = new Usage(promptTokens, cached, sampled, admitted == Long.MIN_VALUE ? total : ms(admitted - arrival),
                sampled == 0 ? 0 : ms(firstToken - arrival), total);
        sink.accept(new Event.Finished(why == null ? reason : why, detail, rest, usage));
    }

    @Override
    public void fail(Fault fault) {
        if (ended) return;
        ended = true;
        sink.accept(new Event.Failed(fault));
    }

    private static double ms(long nanos) {
        return nanos / 1e6;
    }
}
