// SPDX-License-Identifier: Apache-2.0
package dev.stoa.bench;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.cache.CacheStack;
import dev.stoa.format.ModelFiles;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.kernel.PackedWeight;
import dev.stoa.kernel.Workers;
import dev.stoa.model.Arithmetic;
import dev.stoa.model.Batch;
import dev.stoa.model.Decoder;
import dev.stoa.model.Model;
import dev.stoa.model.Workspace;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Where the time of a step goes: every call of a kernel is timed, products by shape and format; `rest` is the forward pass
/// around them.
///
/// Usage: `StepParts MODEL [kernels] [threads] [rows:steps | prefill:tokens] ...`; per workload the median of the parts over
/// all measured steps, in microseconds and as a share of the step, with bytes of weights per second for products.
public final class StepParts {
    private static final int WARM = 12;
    private static final int MEASURED = 24;
    private static final int CHUNK = 512;

    private final Map<String, Long> nanos = new LinkedHashMap<>();
    private final Map<String, Long> bytes = new LinkedHashMap<>();
    private final Map<String, Integer> calls = new LinkedHashMap<>();

    public static void main(String[] args) throws IOException {
        String choice = args.length > 1 ? args[1] : "auto";
        int threads = args.length > 2 ? Integer.parseInt(args[2]) : 0;
        Ledger ledger = new Ledger();
        StepParts parts = new StepParts();
        try (Kernels kernels = KernelProvider.open(choice, threads); Scope scope = ledger.scope("parts")) {
            System.out.println(kernels.reason());
            Kernels timed = parts.timed(Kernels.class, kernels, "");
            Model model = Model.load(ModelFiles.openWithoutTokenizer(Path.of(args[0]), scope), timed, scope, Arithmetic.INTEGER, scope);
            Decoder decoder = new Decoder(model);
            for (int i = 3; i < args.length; i++) {
                String[] words = args[i].split(":");
                int count = Integer.parseInt(words[1]);
                if (words[0].equals("prefill")) parts.run(args[i], model, decoder, ledger, 1, count);
                else parts.run(args[i], model, decoder, ledger, Integer.parseInt(words[0]), 0);
            }
        }
    }

    /// `target`, its calls and those of the kernels it hands out timed.
    private <T> T timed(Class<T> type, T target, String name) {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (_, method, arguments) -> {
            boolean facet = name.isEmpty() && method.getParameterCount() == 0 && method.getReturnType().isInterface();
            if (!facet) return name.isEmpty() ? invoke(target, method, arguments) : time(target, method, arguments, name);
            Object own = invoke(target, method, arguments);
            return own instanceof Workers ? own : facet(method.getReturnType(), own, method.getName());
        }));
    }

    private <T> T facet(Class<T> type, Object target, String name) {
        return timed(type, type.cast(target), name);
    }

    private static Object invoke(Object target, Method method, Object[] arguments) throws Throwable {
        try {
            return method.invoke(target, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    private Object time(Object target, Method method, Object[] arguments, String name) throws Throwable {
        long start = System.nanoTime();
        Object result = invoke(target, method, arguments);
        long taken = System.nanoTime() - start;
        String label = name + "." + method.getName();
        if (arguments != null && arguments.length > 1 && arguments[1] instanceof PackedWeight w) {
            label += " " + w.source().dtype() + " " + w.outputs() + "x" + w.inputs();
            bytes.merge(label, w.source().bytes(), Long::sum);
        }
        nanos.merge(label, taken, Long::sum);
        calls.merge(label, 1, Integer::sum);
        return result;
    }

    private void run(String title, Model model, Decoder decoder, Ledger ledger, int rows, int prompt) {
        int most = Math.max(rows, Math.min(prompt, CHUNK));
        int context = Math.max(prompt, WARM + MEASURED) + 8;
        Map<String, List<Long>> samples = new LinkedHashMap<>();
        List<Long> totals = new ArrayList<>();
        Map<String, Long> read = new LinkedHashMap<>();
        Map<String, Integer> counts = new LinkedHashMap<>();
        List<CacheStack> caches = new ArrayList<>();
        try (Scope scope = ledger.scope("run")) {
            Batch batch = new Batch(model.spec().layers().size(), most, rows);
            Workspace workspace = decoder.workspace(most, rows, scope);
            for (int i = 0; i < rows; i++) caches.add(new CacheStack(decoder.cacheShapes(), context, ledger));
            int steps = prompt > 0 ? WARM + 9 : WARM + MEASURED;
            for (int step = 0; step < steps; step++) {
                nanos.clear();
                bytes.clear();
                calls.clear();
                long start = System.nanoTime();
                if (prompt > 0) prefill(batch, workspace, decoder, caches.getFirst(), prompt, model.spec().vocab());
                else decode(batch, workspace, decoder, caches, step, model.spec().vocab());
                long total = System.nanoTime() - start;
                if (step < WARM) continue;
                totals.add(total);
                long sum = 0;
                for (Map.Entry<String, Long> one : nanos.entrySet()) {
                    samples.computeIfAbsent(one.getKey(), _ -> new ArrayList<>()).add(one.getValue());
                    sum += one.getValue();
                }
                samples.computeIfAbsent("rest", _ -> new ArrayList<>()).add(total - sum);
                read.putAll(bytes);
                counts.putAll(calls);
            }
        } finally {
            caches.forEach(CacheStack::close);
        }
        double whole = median(totals);
        int tokens = prompt > 0 ? prompt : rows;
        System.out.printf("%s: %.0f us a step, %.1f tokens/s, %d steps%n", title, whole / 1e3, tokens / whole * 1e9, totals.size());
        samples.entrySet().stream().sorted((a, b) -> Double.compare(median(b.getValue()), median(a.getValue()))).forEach(one -> {
            double median = median(one.getValue());
            Long moved = read.get(one.getKey());
            System.out.printf("  %8.0f us %5.1f %%  %4d calls  %-40s %s%n", median / 1e3, 100 * median / whole,
                    counts.getOrDefault(one.getKey(), 0), one.getKey(), moved == null ? "" : "%.1f GB/s".formatted(moved / median));
        });
    }

    private static void decode(Batch batch, Workspace workspace, Decoder decoder, List<CacheStack> caches, int step, int vocab) {
        batch.clear();
        for (int r = 0; r < caches.size(); r++) batch.wantLogits(batch.add((1000 + 7919 * r + 31 * step) % vocab, step, caches.get(r), AdapterSet.BASE));
        decoder.forward(batch, workspace);
    }

    private static void prefill(Batch batch, Workspace workspace, Decoder decoder, CacheStack cache, int tokens, int vocab) {
        cache.truncate(0);
        for (int from = 0; from < tokens; from += CHUNK) {
            batch.clear();
            for (int i = from; i < Math.min(tokens, from + CHUNK); i++) {
                int row = batch.add((int) (1000 + 7919L * i) % vocab, i, cache, AdapterSet.BASE);
                if (i == tokens - 1) batch.wantLogits(row);
            }
            decoder.forward(batch, workspace);
        }
    }

    private static double median(List<Long> values) {
        long[] sorted = values.stream().mapToLong(Long::longValue).toArray();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }
}
