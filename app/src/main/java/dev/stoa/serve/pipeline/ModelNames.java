// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

import dev.stoa.AppFault;
import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.serve.expert.Expert;
import dev.stoa.serve.expert.Experts;
import dev.stoa.serve.http.Nearest;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/// The `model` string of a request:
/// the base's id | `stoa` | `stoa-expert-ID` | `ID[*WEIGHT]` joined by `+`, at most four.
public final class ModelNames {
    public static final String PIPELINE = "stoa";
    public static final String EXPERT_PREFIX = "stoa-expert-";
    private static final Pattern EXPERT_ID = Pattern.compile("[a-z0-9][a-z0-9._-]{0,63}");
    private static final int LIMIT = 4;

    private final String base;
    private final Experts experts;

    public ModelNames(String base, Experts experts) {
        this.base = base;
        this.experts = experts;
    }

    public String base() {
        return base;
    }

    /// Every id a client may use, in the order of the model list.
    public List<String> ids() {
        List<String> ids = new ArrayList<>(List.of(base, PIPELINE));
        for (Expert expert : experts.list()) ids.add(EXPERT_PREFIX + expert.name());
        return ids;
    }

    public Selection resolve(String model) {
        if (model.equals(base)) return Selection.BASE;
        if (model.equals(PIPELINE)) return Selection.AUTO;
        if (model.startsWith(EXPERT_PREFIX)) {
            String id = model.substring(EXPERT_PREFIX.length());
            if (experts.find(id).isEmpty()) throw unknown(model);
            return new Selection(false, List.of(new ChatRequest.Wish(id, 1)));
        }
        if (model.contains("+") || model.contains("*")) return new Selection(false, expression(model));
        if (experts.find(model).isPresent()) return new Selection(false, List.of(new ChatRequest.Wish(model, 1)));
        throw unknown(model);
    }

    private List<ChatRequest.Wish> expression(String model) {
        String[] parts = model.split("\\+", -1);
        List<ChatRequest.Wish> wishes = new ArrayList<>();
        for (String part : parts) {
            int star = part.indexOf('*');
            String id = (star < 0 ? part : part.substring(0, star)).strip();
            if (!EXPERT_ID.matcher(id).matches()) {
                throw Fault.of(AppFault.INVALID_MODEL_EXPRESSION, "\"%s\" is not an expert id", id).where("model").got(model)
                        .expected("expert[*weight] joined by +, such as sql*0.6+python*0.4").exception();
            }
            wishes.add(new ChatRequest.Wish(id, star < 0 ? 1 : weight(part.substring(star + 1).strip(), model)));
        }
        return checked(wishes, "model");
    }

    private static double weight(String text, String model) {
        try {
            return Double.parseDouble(text);
        } catch (NumberFormatException notNumber) {
            throw Fault.of(AppFault.INVALID_MODEL_EXPRESSION, "\"%s\" is not a weight", text).where("model").got(model)
                    .expected("a number in (0, 2]").exception();
        }
    }

    /// Checks a list of wished experts and rounds the weights to multiples of 1/64: at most four, known, distinct,
    /// 0 < weight <= 2. `where` is the field they came from.
    public List<ChatRequest.Wish> checked(List<ChatRequest.Wish> wishes, String where) {
        if (wishes.size() > LIMIT) {
            throw Fault.of(EngineFault.TOO_MANY_EXPERTS, "%d experts requested", wishes.size()).where(where)
                    .expected("at most " + LIMIT).exception();
        }
        Set<String> seen = new HashSet<>();
        List<ChatRequest.Wish> rounded = new ArrayList<>();
        for (ChatRequest.Wish wish : wishes) {
            if (!seen.add(wish.id())) {
                throw Fault.of(EngineFault.DUPLICATE_EXPERT, "expert \"%s\" is named twice", wish.id()).where(where).exception();
            }
            if (!(wish.weight() > 0 && wish.weight() <= 2)) {
                throw Fault.of(EngineFault.INVALID_WEIGHT, "the weight of expert \"%s\" is out of range", wish.id())
                        .where(where).got(wish.weight()).expected("a number in (0, 2]").exception();
            }
            if (experts.find(wish.id()).isEmpty()) throw notInstalled(wish.id(), where);
            rounded.add(new ChatRequest.Wish(wish.id(), Math.max(1, Math.round(wish.weight() * 64)) / 64.0));
        }
        return rounded;
    }

    private dev.stoa.FaultException notInstalled(String id, String where) {
        List<String> names = experts.list().stream().map(Expert::name).toList();
        return Fault.of(AppFault.ADAPTER_NOT_INSTALLED, "expert \"%s\" is not installed", id).where(where)
                .expected(names.isEmpty() ? "no expert is installed" : "one of " + String.join(", ", Nearest.three(id, names)))
                .next("GET /v1/models lists what there is").exception();
    }

    private dev.stoa.FaultException unknown(String model) {
        List<String> known = new ArrayList<>(ids());
        for (Expert expert : experts.list()) known.add(expert.name());
        return Fault.of(AppFault.MODEL_NOT_FOUND, "there is no model \"%s\"", model).where("model")
                .expected("one of " + String.join(", ", Nearest.three(model, known)))
                .next("GET /v1/models lists what there is").exception();
    }
}
