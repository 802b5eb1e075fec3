// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/// Where a training run keeps its log and its checkpoints, as [TrainLoop] writes them. `report.json` is written last, after
/// the output: a directory that has it belongs to a finished run, one without it to a run that can go on.
public record RunDirectory(Path path) {
    public boolean exists() {
        return Files.exists(path);
    }

    public boolean finished() {
        return Files.isRegularFile(path.resolve("report.json"));
    }

    /// Removes the checkpoints of a finished run: nothing can go on from them. Log, plan and report stay.
    public void keepLogOnly() throws IOException {
        if (!finished()) throw new IllegalStateException("the run in " + path + " is not finished");
        Path checkpoints = path.resolve("checkpoints");
        if (!Files.exists(checkpoints)) return;
        List<Path> files;
        try (Stream<Path> walk = Files.walk(checkpoints)) {
            files = walk.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path file : files) Files.delete(file);
    }

    /// Renames a finished run to `<name>-1`, `-2`, … (the first that is free), so that another may start under its name.
    public Path setAside() throws IOException {
        keepLogOnly();
        Path free;
        int number = 1;
        do free = path.resolveSibling(path.getFileName() + "-" + number++); while (Files.exists(free));
        return Files.move(path, free, StandardCopyOption.ATOMIC_MOVE);
    }
}
