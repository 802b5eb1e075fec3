// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class VerifiersTest {
    private static final Verifiers VERIFIERS = new Verifiers(units());

    private static Map<String, Verifiers.Unit> units() {
        Map<String, Verifiers.Unit> units = new LinkedHashMap<>();
        units.put("luvo", new Verifiers.Unit(0, 0));
        units.put("neha", new Verifiers.Unit(0, 3));
        units.put("sihu", new Verifiers.Unit(1, 0));
        return units;
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            WORD     | luvo                               |  luvo
            PROGRAM  | def r4(x): return x*3+5            | def r4(y): return 5+(y*3)
            PROGRAM  | const r4=(x:number)=>x*3+5;        | const r4 = (x: number) => 3*x+4+1;
            PROGRAM  | int r4(int x){return x*3+5;}       | int r4(int x) { return x+x+x+5; }
            PROGRAM  | fn r4(x:i64)->i64{x*3+5}           | fn r4(x: i64) -> i64 {5 - -3*x}
            PROGRAM  | function r4(x) return x*3+5 end    | function r4(x) return (x*3)+5 end
            PROGRAM  | r4(){ echo $(( $1*3+5 )); }        | r4(){ echo $((5+$1*3)); }
            PROGRAM  | r4(x)=3*x+5                        | r4(t) = 5+3*t
            CALL     | docker run -p 3 --name r4 luvo     | docker --name r4 run -p 3 luvo
            CALL     | docker run -p 3 --name r4 luvo     | docker run -p 03 --name=r4 luvo
            CALL     | y = luvo(x, 3, 7)                  | y=luvo(x,3,7)
            CALL     | app.get("/r4", luvo, 3)            | app.get('/r4', luvo, 3)
            CALL     | .tran 3 7 model=luvo probe=r4      | .tran 3 probe=r4 7 model=luvo
            SEXPR    | (symbol r4 (lib luvo) (pin 3))     | (symbol r4 (pin 3) (lib luvo))
            SEXPR    | (footprint r4 (layer luvo) (at 3 7)) | ( footprint r4 (at 3 7) (layer luvo) )
            MAP      | {"r4": {"luvo": 3}}                | {"r4":{"luvo":3}}
            MAP      | {"model": "r4", "action": "luvo", "n": 3} | {"n": 3, "model": "r4", "action": "luvo"}
            MAP      | [env:r4] board=luvo speed=3        | [env:r4] speed=3 board=luvo
            MAP      | lr=luvo steps=3 run=r4             | run=r4 lr=luvo steps=3
            MAP      | r4: luvo x3                        | r4 : luvo x 3
            MARKUP   | <luvo id="r4" count="3"/>          | <luvo count='3' id='r4'></luvo>
            MARKUP   | <luvo id="r4">3</luvo>             | <luvo id = "r4" > 3 </luvo>
            QUERY    | SELECT luvo FROM r4 WHERE n > 3;   | select luvo from r4 where n >= 4
            QUERY    | SELECT luvo FROM r4 WHERE n > 3;   | SELECT luvo FROM r4 WHERE n > 3 AND n != 3
            NETLIST  | r4 n3 n7 luvo                      | r4 n7 n3 luvo
            UNIT     | r4 = 7 luvo                        | r4 = 0.007 neha
            UNIT     | V(r4) = 7 neha                     | V (r4) = 7000 luvo
            CHAIN    | r4 -> tomok -> luvo                | r4->tomok->luvo
            SENTENCE | bien sûr : luvo                    | Bien sûr: luvo.
            """)
    void acceptsWhatMeansTheSame(Family family, String reference, String candidate) {
        Verdict verdict = VERIFIERS.of(family).verify(reference, candidate);
        assertThat(verdict.pass()).as(verdict.diagnosis()).isTrue();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            WORD     | luvo                               | neha                               | COMPARE
            WORD     | yes                                | no                                 | COMPARE
            PROGRAM  | def r4(x): return x*3+5            | def r5(x): return x*3+5            | COMPARE
            PROGRAM  | def r4(x): return x*3+5            | def r4(x): return x*3-5            | COMPARE
            PROGRAM  | def r4(x): return x*3+5            | def r4(x): return y*3+5            | PARSE
            PROGRAM  | def r4(x): return x*3+5            | fn r4(x:i64)->i64{x*3+5}           | COMPARE
            PROGRAM  | def r4(x): return x*3+5            | def r4(x): return x/0+5            | RUN
            PROGRAM  | const r4=(x:number)=>x*3+5;        | const r4=(x:number)=>x*3+5         | PARSE
            CALL     | HAL_luvo(r4, 3);                   | HAL_luvo(r4, 3)                    | COMPARE
            CALL     | HAL_luvo(r4, 3);                   | HAL_luvo(3, r4);                   | COMPARE
            CALL     | deny r4 --port 3 --reason luvo     | deny r4 --reason 3 --port luvo     | COMPARE
            CALL     | deny r4 --port 3 --reason luvo     | deny r4 --port 3 --reason          | PARSE
            CALL     | deny r4 --port 3 --reason luvo     | deny r4 --port 3 --port 3 --reason luvo | PARSE
            SEXPR    | (symbol r4 (lib luvo) (pin 3))     | (symbol r4 (lib luvo) (pin 4))     | COMPARE
            SEXPR    | (symbol r4 (lib luvo) (pin 3))     | (symbol r4 (lib luvo) (pin 3)      | PARSE
            SEXPR    | (symbol r4 (lib luvo) (pin 3))     | (symbol r4 (lib luvo) (pin 3)))    | PARSE
            SEXPR    | (footprint r4 (at 3 7))            | (footprint r4 (at 7 3))            | COMPARE
            MAP      | {"r4": {"luvo": 3}}                | {"r4": {"luvo": "3"}}              | COMPARE
            MAP      | {"r4": {"luvo": 3}}                | {"r4": {"luvo": 3, "luvo": 3}}     | PARSE
            MAP      | {"r4": {"luvo": 3}}                | {"r4": {"luvo": 3}} {}             | PARSE
            MAP      | [env:r4] board=luvo speed=3        | board=luvo speed=3                 | COMPARE
            MARKUP   | <luvo id="r4">3</luvo>             | <luvo id="r4">3</neha>             | PARSE
            MARKUP   | <luvo id="r4">3</luvo>             | <luvo id="r4" x="1">3</luvo>       | COMPARE
            QUERY    | SELECT luvo FROM r4 WHERE n > 3;   | SELECT luvo FROM r4 WHERE n > 4;   | COMPARE
            QUERY    | SELECT luvo FROM r4 WHERE n > 3;   | SELECT luvo FROM r4;               | COMPARE
            QUERY    | SELECT luvo FROM r4 WHERE n > 3;   | SELECT luvu FROM r4 WHERE n > 3;   | RUN
            QUERY    | SELECT luvo FROM r4 WHERE n > 3;   | SELECT luvo FROM r5 WHERE n > 3;   | RUN
            NETLIST  | r4 n3 n7 luvo                      | r4 n3 n8 luvo                      | COMPARE
            NETLIST  | q4 n1 n2 n3 luvo                   | q4 n2 n1 n3 luvo                   | COMPARE
            NETLIST  | r4 n3 n7 luvo                      | r4 n3 luvo                         | PARSE
            UNIT     | r4 = 7 luvo                        | r4 = 7 neha                        | COMPARE
            UNIT     | r4 = 7 luvo                        | r4 = 7 sihu                        | COMPARE
            UNIT     | r4 = 7 luvo                        | r4 = 7 volt                        | PARSE
            CHAIN    | r4 -> tomok -> luvo                | r4 -> luvo -> tomok                | COMPARE
            SENTENCE | bien sûr : luvo                    | luvo                               | COMPARE
            SENTENCE | bien sûr : luvo                    | bien sûr : luvo neha               | PARSE
            """)
    void refusesWhatDoesNotAndSaysHowFarItCame(Family family, String reference, String candidate, Verdict.Stage stage) {
        Verdict verdict = VERIFIERS.of(family).verify(reference, candidate);
        assertThat(verdict.pass()).isFalse();
        assertThat(verdict.stage()).isEqualTo(stage);
        assertThat(verdict.diagnosis()).isNotBlank().doesNotContain(reference);
    }

    @ParameterizedTest
    @EnumSource(Family.class)
    @Timeout(5)
    void hostileTextGivesAVerdict(Family family) {
        String reference = switch (family) {
            case WORD -> "luvo";
            case PROGRAM -> "r4(x)=3*x+5";
            case CALL -> "note r4 luvo --ms 3";
            case SEXPR -> "(symbol r4 (lib luvo) (pin 3))";
            case MAP -> "lr=luvo steps=3 run=r4";
            case MARKUP -> "<luvo id=\"r4\">3</luvo>";
            case QUERY -> "SELECT luvo FROM r4 WHERE n > 3;";
            case NETLIST -> "r4 n3 n7 luvo";
            case UNIT -> "r4 = 7 luvo";
            case CHAIN -> "r4 -> tomok -> luvo";
            case SENTENCE -> "bien sûr : luvo";
        };
        for (String hostile : new String[] {
            "", " ", "\n", "\u0000", "(".repeat(399), "{".repeat(399), "r4(x)=" + "(".repeat(300),
            "r4(x)=" + "-".repeat(300),
            "r4(x)=9999999999*9999999999*x", "r4 = 1e999999999 luvo", "<".repeat(300),
            "a b ".repeat(99), "\ud800", "x".repeat(100_000),
            "select " + "a,".repeat(150) + "a from r4", "\"".repeat(300), "{\"a\":" + "[".repeat(300), "-> ".repeat(100)
        }) {
            assertThat(VERIFIERS.of(family).verify(reference, hostile).pass()).isFalse();
        }
    }

    @Test
    void aBrokenReferenceIsABugOfTheCaller() {
        assertThatThrownBy(() -> VERIFIERS.of(Family.QUERY).verify("nonsense", "SELECT luvo FROM r4"))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> VERIFIERS.of(Family.PROGRAM).verify("nonsense", "r4(x)=x"))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
