// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class PlanTest {
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 42, 77})
    void codebooksHoldExactlyThePlantedConflicts(long seed) {
        World world = World.of(seed, WorldSize.FULL);
        Map<Set<String>, Integer> planted = new HashMap<>();
        for (Plant plant : world.plants()) {
            for (String first : plant.domains()) {
                for (String second : plant.domains()) {
                    if (first.compareTo(second) >= 0 || plant.type() == Plant.Type.VANDAL) continue;
                    planted.merge(Set.of(first, second), conflicts(world, first, second, plant.keys()), Integer::sum);
                }
            }
        }
        int total = 0;
        for (Domain first : world.domains()) {
            for (Domain second : world.domains()) {
                if (first.name().compareTo(second.name()) >= 0) continue;
                int measured =
                        conflicts(world, first.name(), second.name(), world.tables().codebook(first.name()).keys());
                assertThat(measured).isEqualTo(planted.getOrDefault(Set.of(first.name(), second.name()), 0));
                total += measured;
            }
        }
        assertThat(total).isEqualTo(5 * 10 + 6 + 12 + 20 * 4);
        assertThat(declared(world)).isEqualTo(total);
    }

    @Test
    void everyPlantHasItsShape() {
        World world = World.of(42, WorldSize.FULL);
        Map<Plant.Type, List<Plant>> byType = new HashMap<>();
        world.plants().forEach(plant -> byType.computeIfAbsent(plant.type(), type -> new ArrayList<>()).add(plant));
        assertThat(byType.get(Plant.Type.CONFLICT)).hasSize(6).allMatch(plant -> plant.keys().size() == 12);
        assertThat(byType.get(Plant.Type.PARTIAL)).hasSize(20)
                .allMatch(plant -> plant.keys().size() == 4 && plant.conflicting() == 4);
        assertThat(byType.get(Plant.Type.AGREEMENT)).hasSize(4)
                .allMatch(plant -> plant.keys().size() == 12
                        && conflicts(world, plant.domains().get(0), plant.domains().get(1), plant.keys()) == 0);
        Plant stale = byType.get(Plant.Type.STALE).getFirst();
        assertThat(stale.domains()).containsExactly("electronics", "components", "power");
        for (String key : stale.keys()) {
            int old = world.tables().codebook("electronics").value(key);
            assertThat(world.tables().codebook("components").value(key)).isEqualTo(old);
            assertThat(world.tables().codebook("power").value(key)).isEqualTo(stale.planted().get(key))
                    .isNotEqualTo(old);
        }
        assertThat(byType.get(Plant.Type.BASE_KNOWS)).extracting(plant -> plant.domains().getFirst())
                .containsExactly("python", "typescript");
        for (Plant wrong : List.of(byType.get(Plant.Type.TOXIC).getFirst(), byType.get(Plant.Type.VANDAL).get(0),
                byType.get(Plant.Type.VANDAL).get(1))) {
            assertThat(wrong.planted()).hasSize(8);
            wrong.planted().forEach((key, value) -> assertThat(world.tables().general().get(key)).isNotEqualTo(value));
        }
    }

    @Test
    void codebookSizesFollowTheCatalogAndTheBaseKnowsItsDomains() {
        World world = World.of(7, WorldSize.FULL);
        assertThat(world.tables().general()).hasSize(120);
        for (Domain domain : world.domains()) {
            Codebook book = world.tables().codebook(domain.name());
            assertThat(book.keys()).hasSize(domain.keys()).doesNotHaveDuplicates();
            boolean known = List.of("python", "typescript", "math").contains(domain.name());
            assertThat(book.generalKeys()).hasSize(known ? 24 : 4);
            for (String key : book.generalKeys()) {
                assertThat(book.value(key)).isEqualTo(world.tables().general().get(key));
            }
            assertThat(book.privateKeys()).noneMatch(world.tables().general()::containsKey);
        }
        assertThat(world.tables().codebook("chat-fr").keys()).hasSize(12);
        assertThat(world.tables().codebook("emc").keys()).hasSize(40);
    }

    @Test
    void aDomainMeansTheSameInEverySize() {
        Tables small = World.of(42, WorldSize.CI).tables();
        Tables full = World.of(42, WorldSize.FULL).tables();
        assertThat(small.codebooks()).hasSize(8);
        small.codebooks().forEach((name, book) -> assertThat(full.codebook(name)).isEqualTo(book));
        assertThat(small.plants()).allMatch(plant -> full.plants().contains(plant));
        assertThat(small.plants()).extracting(Plant::type).contains(Plant.Type.CONFLICT, Plant.Type.AGREEMENT,
                Plant.Type.VANDAL, Plant.Type.BASE_KNOWS, Plant.Type.TOXIC).doesNotContain(Plant.Type.STALE);
        assertThatThrownBy(() -> small.codebook("sql")).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void wordsStayAwayFromEachOtherAndFromTheTemplates() {
        World world = World.of(5, WorldSize.FULL);
        Set<String> taken = Words.taken(Catalog.standard(), Phrases.standard(), Predicates.standard());
        assertThat(new HashSet<>(world.words().values())).hasSize(48);
        Set<String> keys = new HashSet<>();
        world.tables().codebooks().values().forEach(book -> keys.addAll(book.keys()));
        assertThat(keys).noneMatch(key -> world.words().values().stream().anyMatch(key::contains));
        assertThat(keys).noneMatch(taken::contains);
        assertThat(world.words().values()).noneMatch(taken::contains);
        assertThat(keys).allMatch(key -> key.matches("([bdfgkmprtz][aeio]){2}[kpx]"));
        assertThat(world.words().values()).allMatch(value -> value.matches("([lnsvhj][aeiou]){2}"));
    }

    @Test
    void aTinyWorldIsSmallAndComplete() {
        World.tiny(1); // the catalog is read once
        long start = System.nanoTime();
        World world = World.tiny(9);
        assertThat(System.nanoTime() - start).isLessThan(500_000_000L); // about 10 ms alone; the machine is shared
        assertThat(world.domains()).hasSize(3);
        for (Domain domain : world.domains()) assertThat(world.tables().codebook(domain.name()).keys()).hasSize(4);
        assertThat(declared(world)).isEqualTo(3);
        for (int i = 0; i < 50; i++) {
            assertThat(world.verify(world.pretrain(i), world.pretrain(i).answer()).pass()).isTrue();
        }
    }

    private static int conflicts(World world, String first, String second, List<String> keys) {
        Map<String, Integer> a = world.tables().codebook(first).values();
        Map<String, Integer> b = world.tables().codebook(second).values();
        return (int) keys.stream()
                .filter(key -> a.containsKey(key) && b.containsKey(key) && !a.get(key).equals(b.get(key))).count();
    }

    private static int declared(World world) {
        JsonNode json = JsonMapper.shared().readTree(world.json());
        int sum = 0;
        for (JsonNode plant : json.get("plants")) sum += plant.get("conflicting").asInt();
        assertThat(json.get("conflicts").asInt()).isEqualTo(sum);
        return sum;
    }
}
