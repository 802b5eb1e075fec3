// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import java.util.List;

/// Claims of the demo whose stages are not built yet; the report names them instead of leaving them out.
final class Open {
    private Open() {}

    static List<Claim> claims() {
        String why = "the stage is not built yet";
        return List.of(Claim.notApplicable("D3", "interference is computed, not guessed", why),
                Claim.notApplicable("D4", "the gate decides right", why),
                Claim.notApplicable("D10", "the council corrects stale consensus", why),
                Claim.notApplicable("D11", "planted bias is reduced", why),
                Claim.notApplicable("D12", "persona", why),
                Claim.notApplicable("D13", "each stage pays or is off", why));
    }
}
