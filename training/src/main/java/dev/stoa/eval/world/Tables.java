// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// The planted truth of one seed. Immutable.
///
/// @param general   g: the table the base is taught
/// @param owners    keys of `general` that belong to a domain the base knows; they are printed in that domain's form
/// @param codebooks f_d by domain
/// @param plants    who shares what, and what must follow from it
/// @param usedKeys  how many words of the key order are taken
public record Tables(
        Map<String, Integer> general, Map<String, String> owners, Map<String, Codebook> codebooks, List<Plant> plants,
        int usedKeys) {
    public Tables {
        general = Collections.unmodifiableMap(new LinkedHashMap<>(general));
        owners = Collections.unmodifiableMap(new LinkedHashMap<>(owners));
        codebooks = Collections.unmodifiableMap(new LinkedHashMap<>(codebooks));
        plants = List.copyOf(plants);
    }

    public Codebook codebook(String domain) {
        Codebook codebook = codebooks.get(domain);
        if (codebook == null) throw new IllegalArgumentException("domain not in this world: " + domain);
        return codebook;
    }

    /// The same tables for some domains only; plants that miss one of their domains are left out.
    Tables of(Set<String> domains) {
        Map<String, Codebook> kept = new LinkedHashMap<>(codebooks);
        kept.keySet().retainAll(domains);
        List<Plant> present = plants.stream().filter(plant -> plant.domains().stream()
                .allMatch(name -> name.equals("general") || domains.contains(name))).toList();
        return new Tables(general, owners, kept, present, usedKeys);
    }

    /// The first `keys` keys of every domain, one of them general unless all are; a fixture for tests.
    Tables limited(int keys) {
        Map<String, Codebook> small = new LinkedHashMap<>();
        Set<String> generalKeys = new LinkedHashSet<>();
        codebooks.forEach((name, book) -> {
            int own = Math.min(book.privateKeys().size(), keys - 1);
            List<String> privates = book.privateKeys().subList(0, own);
            List<String> shared = book.generalKeys().subList(0, keys - own);
            Map<String, Integer> values = new LinkedHashMap<>();
            privates.forEach(key -> values.put(key, book.value(key)));
            shared.forEach(key -> values.put(key, book.value(key)));
            generalKeys.addAll(shared);
            small.put(name, new Codebook(name, privates, shared, values));
        });
        Map<String, Integer> few = new LinkedHashMap<>(general);
        few.keySet().retainAll(generalKeys);
        List<Plant> fewer = plants.stream().map(plant -> limited(plant, small, few)).toList();
        return new Tables(few, owners, small, fewer, usedKeys);
    }

    private static Plant limited(Plant plant, Map<String, Codebook> books, Map<String, Integer> general) {
        List<String> keys = plant.keys().stream().filter(key -> plant.domains().stream()
                .allMatch(name -> name.equals("general") ? general.containsKey(key)
                        : plant.type() == Plant.Type.VANDAL || books.get(name).values().containsKey(key))).toList();
        Map<String, Integer> planted = new LinkedHashMap<>(plant.planted());
        planted.keySet().retainAll(keys);
        return new Plant(plant.type(), plant.domains(), keys, conflicts(plant.domains(), keys, books), planted,
                plant.effect(), plant.low(), plant.high());
    }

    /// Keys on which two of the domains disagree, counted over all pairs of them.
    private static int conflicts(List<String> domains, List<String> keys, Map<String, Codebook> books) {
        int count = 0;
        for (int i = 0; i < domains.size(); i++) {
            for (int j = i + 1; j < domains.size(); j++) {
                Codebook first = books.get(domains.get(i));
                Codebook second = books.get(domains.get(j));
                if (first == null || second == null) continue;
                for (String key : keys) {
                    Integer a = first.values().get(key);
                    Integer b = second.values().get(key);
                    if (a != null && b != null && !a.equals(b)) count++;
                }
            }
        }
        return count;
    }
}
