// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.format.Sha256;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The planted truth as `world.json`: tests and reports read it, experts never do.
final class WorldJson {
    private static final JsonMapper MAPPER = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
    private static final int HASHED_ITEMS = 200;

    private WorldJson() {}

    static String of(World world) {
        ObjectNode root = MAPPER.createObjectNode();
        root.put("schema", "stoa.world/1").put("seed", world.seed()).put("size", world.size().id());
        root.put("conflicts", world.plants().stream().mapToInt(Plant::conflicting).sum());
        ArrayNode plants = root.putArray("plants");
        for (Plant plant : world.plants()) {
            ObjectNode node = plants.addObject();
            node.put("type", plant.type().name().toLowerCase(Locale.ROOT));
            plant.domains().forEach(node.putArray("domains")::add);
            plant.keys().forEach(node.putArray("keys")::add);
            node.put("conflicting", plant.conflicting());
            if (!plant.planted().isEmpty()) values(node.putObject("planted"), plant.planted(), world.words());
            node.putObject("expected").put("effect", plant.effect()).put("low", plant.low()).put("high", plant.high());
        }
        values(root.putObject("general"), world.tables().general(), world.words());
        ObjectNode books = root.putObject("codebooks");
        world.tables().codebooks().forEach((name, book) -> values(books.putObject(name), book.values(), world.words()));
        return MAPPER.writeValueAsString(root) + "\n";
    }

    /// What a trained base depends on: the tables, the phrasing of every stream, the template.
    static String hash(World world) {
        Sha256 sum = new Sha256().text(of(world)).text(ItemEncoder.chatTemplate());
        for (int i = 0; i < HASHED_ITEMS; i++) {
            Item item = world.pretrain(i);
            sum.text(item.prompt()).text(item.answer());
        }
        return sum.hex();
    }

    private static void values(ObjectNode node, Map<String, Integer> values, Words words) {
        values.forEach((key, value) -> node.put(key, words.word(value)));
    }
}
