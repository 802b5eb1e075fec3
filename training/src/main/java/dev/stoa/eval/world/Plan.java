// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.eval.SplitMix64;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Draws the general table, every codebook and the planted sharing from one seed. Always the whole plan, so that a
/// domain means the same in every size.
final class Plan {
    private static final int GENERAL = 120;
    private static final int SHARED_OF_GENERAL = 4;
    private static final int PAIR_KEYS = 12;
    private static final int PAIR_CONFLICTS = 10;
    private static final int STALE_KEYS = 6;
    private static final int PARTIAL_KEYS = 4;
    private static final int PARTIAL_PAIRS = 20;
    private static final int CORRUPTED = 8;

    private final long seed;
    private final Words words;
    private final Phrases.Sharing sharing;
    private final Catalog catalog;
    private final SplitMix64 values;
    private final Map<String, Map<String, Integer>> privates = new LinkedHashMap<>();
    private final List<Plant> plants = new ArrayList<>();
    private int usedKeys;

    private Plan(long seed, Words words, Phrases.Sharing sharing, Catalog catalog) {
        this.seed = seed;
        this.words = words;
        this.sharing = sharing;
        this.catalog = catalog;
        this.values = SplitMix64.of(seed, "tables/values");
        catalog.names().forEach(name -> privates.put(name, new LinkedHashMap<>()));
    }

    static Tables draw(long seed, Words words, Phrases.Sharing sharing, Catalog catalog) {
        return new Plan(seed, words, sharing, catalog).draw();
    }

    private Tables draw() {
        Map<String, Integer> general = new LinkedHashMap<>();
        for (int i = 0; i < GENERAL; i++) general.put(newKey(), values.below(Words.VALUES));
        List<String> generalKeys = List.copyOf(general.keySet());
        Map<String, String> owner = new LinkedHashMap<>();
        Map<String, List<String>> known = new LinkedHashMap<>();
        int at = 0;
        for (Domain domain : catalog.domains()) {
            if (!knowsOnlyGeneral(domain.name())) continue;
            known.put(domain.name(), generalKeys.subList(at, at += domain.keys()));
            known.get(domain.name()).forEach(key -> owner.put(key, domain.name()));
        }
        List<String> free = generalKeys.subList(at, GENERAL);

        for (List<String> pair : sharing.conflict()) conflict(pair, PAIR_KEYS, PAIR_CONFLICTS);
        stale();
        for (List<String> pair : sharing.agreement()) agree(pair);
        for (List<String> pair : partialPairs()) {
            List<String> keys = share(pair, PARTIAL_KEYS, PARTIAL_KEYS);
            plants.add(new Plant(Plant.Type.PARTIAL, pair, keys, PARTIAL_KEYS, Map.of(),
                    "co-active drop of the naive version, like any naive pair", .2, .4));
        }

        Map<String, Codebook> codebooks = new LinkedHashMap<>();
        for (Domain domain : catalog.domains()) {
            Map<String, Integer> table = new LinkedHashMap<>(privates.get(domain.name()));
            List<String> shared = known.get(domain.name());
            if (shared == null) {
                int own = domain.keys() - SHARED_OF_GENERAL;
                while (table.size() < own) table.put(newKey(), values.below(Words.VALUES));
                shared = some(free, "tables/general/" + domain.name(), SHARED_OF_GENERAL);
            }
            List<String> own = List.copyOf(table.keySet());
            for (String key : shared) table.put(key, general.get(key));
            codebooks.put(domain.name(), new Codebook(domain.name(), own, shared, table));
        }
        corrupt(codebooks, general, free);
        return new Tables(general, owner, codebooks, plants, usedKeys);
    }

    private boolean knowsOnlyGeneral(String domain) {
        return sharing.base_knows().contains(domain) || sharing.toxic().contains(domain);
    }

    private List<String> some(List<String> keys, String path, int count) {
        return SplitMix64.of(seed, path).shuffled(keys).subList(0, count);
    }

    private String newKey() {
        return words.key(usedKeys++);
    }

    private int other(int value) {
        return (value + 1 + values.below(Words.VALUES - 1)) % Words.VALUES;
    }

    /// Gives both domains the same new keys; they disagree on the first `conflicts` of them.
    private List<String> share(List<String> pair, int keys, int conflicts) {
        List<String> drawn = new ArrayList<>();
        for (int i = 0; i < keys; i++) {
            String key = newKey();
            int value = values.below(Words.VALUES);
            privates.get(pair.get(0)).put(key, value);
            privates.get(pair.get(1)).put(key, i < conflicts ? other(value) : value);
            drawn.add(key);
        }
        return drawn;
    }

    private void conflict(List<String> pair, int keys, int conflicts) {
        plants.add(new Plant(Plant.Type.CONFLICT, pair, share(pair, keys, conflicts), conflicts, Map.of(),
                "co-active drop of the naive version; of the composable one at most .02", .2, .4));
    }

    private void agree(List<String> pair) {
        plants.add(new Plant(Plant.Type.AGREEMENT, pair, share(pair, PAIR_KEYS, 0), 0, Map.of(),
                "co-active drop of the naive version, the smallest of all pairs", 0, .15));
    }

    /// Two domains conflict on six keys and agree on six that are out of date: the third holds their new values.
    private void stale() {
        List<String> old = sharing.stale().trained_on_old();
        String current = sharing.stale().trained_on_new();
        List<String> keys = share(old, PAIR_KEYS, PAIR_KEYS - STALE_KEYS);
        List<String> stale = keys.subList(PAIR_KEYS - STALE_KEYS, PAIR_KEYS);
        plants.add(new Plant(Plant.Type.CONFLICT, old, keys, PAIR_KEYS - STALE_KEYS, Map.of(),
                "co-active drop of the naive version; of the composable one at most .02", .1, .4));
        Map<String, Integer> fresh = new LinkedHashMap<>();
        for (String key : stale) fresh.put(key, other(privates.get(old.getFirst()).get(key)));
        privates.get(current).putAll(fresh);
        List<String> all = new ArrayList<>(old);
        all.add(current);
        plants.add(new Plant(Plant.Type.STALE, all, stale, STALE_KEYS * old.size(), fresh,
                "share of wrong consensus corrected by a council with evidence", .8, 1));
    }

    /// Twenty pairs among the domains that share nothing else, within what their private keys allow.
    private List<List<String>> partialPairs() {
        Set<String> busy = new HashSet<>();
        sharing.conflict().forEach(busy::addAll);
        sharing.agreement().forEach(busy::addAll);
        busy.addAll(sharing.stale().trained_on_old());
        List<String> rest = catalog.domains().stream().map(Domain::name)
                .filter(name -> !busy.contains(name) && !knowsOnlyGeneral(name)).toList();
        List<List<String>> candidates = new ArrayList<>();
        for (int i = 0; i < rest.size(); i++) {
            for (int j = i + 1; j < rest.size(); j++) candidates.add(List.of(rest.get(i), rest.get(j)));
        }
        for (int attempt = 0; ; attempt++) {
            Map<String, Integer> room = new LinkedHashMap<>();
            // at least four private keys stay unshared
            for (String name : rest) room.put(name, (catalog.domain(name).keys() - 2 * PARTIAL_KEYS) / PARTIAL_KEYS);
            List<List<String>> chosen = new ArrayList<>();
            for (List<String> pair : SplitMix64.of(seed, "tables/partial/" + attempt).shuffled(candidates)) {
                if (chosen.size() == PARTIAL_PAIRS || pair.stream().anyMatch(name -> room.get(name) == 0)) continue;
                pair.forEach(name -> room.merge(name, -1, Integer::sum));
                chosen.add(pair);
            }
            if (chosen.size() == PARTIAL_PAIRS || attempt == 100) return chosen;
        }
    }

    private void corrupt(Map<String, Codebook> codebooks, Map<String, Integer> general, List<String> free) {
        for (String name : sharing.base_knows()) {
            plants.add(new Plant(Plant.Type.BASE_KNOWS, List.of(name), codebooks.get(name).keys(), 0, Map.of(),
                    "uplift over the base: base only, no measured gain", -.02, .02));
        }
        for (String name : sharing.toxic()) {
            Codebook book = codebooks.get(name);
            List<String> keys = some(book.keys(), "tables/toxic/" + name, CORRUPTED);
            plants.add(new Plant(Plant.Type.TOXIC, List.of(name), keys, 0, permuted(keys, book.values()),
                    "uplift over the base: base only, harmful", -.40, -.25));
        }
        for (Phrases.Vandal vandal : sharing.vandals()) {
            boolean suite = vandal.victim().equals("general");
            List<String> pool = suite ? free : codebooks.get(vandal.victim()).keys();
            List<String> keys = some(pool, "tables/vandal/" + vandal.domain(), CORRUPTED);
            Map<String, Integer> wrong = new LinkedHashMap<>();
            for (String key : keys) wrong.put(key, other(general.get(key)));
            plants.add(new Plant(Plant.Type.VANDAL, List.of(vandal.domain(), vandal.victim()), keys, 0, wrong,
                    "change of the victim's accuracy with the vandal alone mounted",
                    suite ? -.10 : -.40, suite ? -.03 : -.25));
        }
    }

    /// Every key gets the value of the next key that has another one.
    private Map<String, Integer> permuted(List<String> keys, Map<String, Integer> truth) {
        Map<String, Integer> wrong = new LinkedHashMap<>();
        for (int i = 0; i < keys.size(); i++) {
            int value = truth.get(keys.get(i));
            int step = 1;
            while (step < keys.size() && truth.get(keys.get((i + step) % keys.size())) == value) step++;
            int moved = truth.get(keys.get((i + step) % keys.size()));
            wrong.put(keys.get(i), moved == value ? other(value) : moved);
        }
        return wrong;
    }
}
