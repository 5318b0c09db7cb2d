//! Each fault of a source is reported at its line and column, several at once where possible.

use sim_plc::st::{self, MAX_ERRORS, MAX_SOURCE_BYTES};

fn places(source: &str) -> Vec<(u32, u32, &'static str)> {
    let errors = st::compile(source).expect_err(source);
    assert!(
        errors
            .iter()
            .all(|e| !e.message.is_empty() && !e.hint.is_empty())
    );
    errors
        .into_iter()
        .map(|e| (e.line, e.column, e.code))
        .collect()
}

/// Statements begin at line 3, column 1.
fn in_body(body: &str) -> Vec<(u32, u32, &'static str)> {
    let vars = "VAR i : INT; d : DINT; x : REAL; b : BOOL; w : WORD; t : TIME; a : ARRAY[0..3] OF INT; T1 : TON; c : COLOR; \
                in1 AT %IW0 : INT; END_VAR VAR CONSTANT K : INT := 3; END_VAR";
    places(&format!(
        "PROGRAM MAIN\n{vars}\n{body}\nEND_PROGRAM\nFUNCTION F : INT VAR_INPUT n : INT; END_VAR F := n; END_FUNCTION\n\
         TYPE COLOR : (RED, GREEN); SIGN : (RED, STOP); END_TYPE"
    ))
}

#[test]
fn syntax_errors_have_their_place() {
    for (body, expected) in [
        ("i := ;", (3, 6, "ST010")),
        ("i := 1 + ;", (3, 10, "ST010")),
        ("i = 1;", (3, 3, "ST013")),
        ("i := 1", (4, 1, "ST010")),
        ("IF b i := 1; END_IF;", (3, 6, "ST010")),
        ("i := (1 + 2;", (3, 12, "ST010")),
        ("IF := 3;", (3, 4, "ST010")),
        ("i := 16#FG;", (3, 6, "ST004")),
        ("i := 3#12;", (3, 6, "ST004")),
        ("i := 99999999999999999999;", (3, 6, "ST004")),
        ("t := T#5parsec;", (3, 6, "ST005")),
        ("t := T#;", (3, 6, "ST005")),
        ("%QX0.9 := TRUE;", (3, 1, "ST006")),
        ("i := 'text';", (3, 6, "ST060")),
        ("i := 'text;", (3, 6, "ST003")),
        ("i := \"wide\";", (3, 6, "ST003")),
        ("i := 5 ? 3;", (3, 8, "ST001")),
        ("(* never closed", (3, 1, "ST002")),
        ("i := T1(IN := b);", (3, 6, "ST073")),
    ] {
        assert_eq!(in_body(body)[0], expected, "{body}");
    }
}

#[test]
fn errors_of_meaning_have_their_place() {
    for (body, expected) in [
        ("i := x;", (3, 6, "ST060")),
        ("i := d;", (3, 6, "ST060")),
        ("i := 70000;", (3, 6, "ST061")),
        ("b := 2;", (3, 6, "ST061")),
        ("t := 5;", (3, 6, "ST060")),
        ("x := d;", (3, 6, "ST060")),
        ("  w := i;", (3, 8, "ST060")),
        ("i := w + 1;", (3, 8, "ST063")),
        ("b := i AND TRUE;", (3, 8, "ST062")),
        ("b := NOT i;", (3, 6, "ST063")),
        ("w := -w;", (3, 6, "ST063")),
        ("x := x MOD 2.0;", (3, 8, "ST063")),
        ("IF i THEN i := 1; END_IF;", (3, 4, "ST060")),
        ("unknown := 1;", (3, 1, "ST053")),
        ("i := i + missing;", (3, 10, "ST053")),
        ("i := SQUARE(2);", (3, 6, "ST073")),
        ("i := F(1, 2);", (3, 11, "ST071")),
        ("i := F();", (3, 6, "ST070")),
        ("i := F(m := 1);", (3, 13, "ST071")),
        ("x := SQRT();", (3, 6, "ST070")),
        ("x := LIMIT(1.0, 2.0);", (3, 6, "ST070")),
        ("i := LIMIT(MN := 1, MN := 2, MX := 3);", (3, 27, "ST071")),
        ("T1(INN := b);", (3, 4, "ST071")),
        ("T1(IN := i);", (3, 10, "ST060")),
        ("T1(Q => i);", (3, 9, "ST060")),
        ("i := T1;", (3, 6, "ST056")),
        ("T1.Q := b;", (3, 1, "ST057")),
        ("i := T1.NOTHING;", (3, 9, "ST045")),
        ("t := T1._START;", (3, 9, "ST045")),
        ("i();", (3, 1, "ST075")),
        ("i := a[4];", (3, 8, "ST055")),
        ("i := a[1, 2];", (3, 6, "ST055")),
        ("i := a[x];", (3, 8, "ST060")),
        ("i := a;", (3, 6, "ST056")),
        ("a := i;", (3, 1, "ST056")),
        ("K := 4;", (3, 1, "ST057")),
        ("in1 := 4;", (3, 1, "ST057")),
        ("%IW1 := 4;", (3, 1, "ST057")),
        ("%QW1024 := 4;", (3, 1, "ST043")),
        ("i := 1 / 0;", (3, 8, "ST047")),
        ("i := 32767 + K * 2 * 20000;", (3, 20, "ST047")),
        ("c := BLUE;", (3, 6, "ST053")),
        ("b := RED = RED;", (3, 6, "ST052")),
        ("c := STOP;", (3, 6, "ST060")),
        ("c := COLOR#STOP;", (3, 12, "ST051")),
        ("EXIT;", (3, 1, "ST080")),
        ("CASE x OF 1: ; END_CASE;", (3, 6, "ST081")),
        ("CASE i OF 1..3: ; 2: ; END_CASE;", (3, 19, "ST082")),
        ("CASE i OF 3..1: ; END_CASE;", (3, 11, "ST082")),
        ("CASE i OF d: ; END_CASE;", (3, 11, "ST060")),
        ("FOR x := 1 TO 3 DO ; END_FOR;", (3, 5, "ST083")),
        ("FOR i := 1 TO 3 BY 0 DO ; END_FOR;", (3, 20, "ST083")),
        ("b := INT#x;", (3, 10, "ST050")),
        ("b := TIME_TO_BOOL(t);", (3, 6, "ST072")),
        ("x := SHL(x, 1);", (3, 6, "ST063")),
    ] {
        assert_eq!(in_body(body)[0], expected, "{body}");
    }
}

#[test]
fn errors_of_declarations_have_their_place() {
    for (source, expected) in [
        ("", (1, 1, "ST022")),
        ("FUNCTION F : INT F := 1; END_FUNCTION", (1, 1, "ST022")),
        (
            "PROGRAM P VAR a : INT; A : INT; END_VAR END_PROGRAM",
            (1, 24, "ST031"),
        ),
        (
            "PROGRAM P END_PROGRAM PROGRAM P END_PROGRAM",
            (1, 31, "ST031"),
        ),
        ("PROGRAM TON END_PROGRAM", (1, 9, "ST030")),
        (
            "PROGRAM P VAR a : WSTRING; END_VAR END_PROGRAM",
            (1, 19, "ST021"),
        ),
        (
            "PROGRAM P VAR_IN_OUT a : INT; END_VAR END_PROGRAM",
            (1, 22, "ST038"),
        ),
        (
            "PROGRAM P VAR a : UULINT; END_VAR END_PROGRAM",
            (1, 19, "ST034"),
        ),
        (
            "PROGRAM P VAR a : INT := 1.5; END_VAR END_PROGRAM",
            (1, 26, "ST060"),
        ),
        (
            "PROGRAM P VAR a : INT; b : INT := a; END_VAR END_PROGRAM",
            (1, 35, "ST046"),
        ),
        (
            "PROGRAM P VAR a : ARRAY[3..1] OF INT; END_VAR END_PROGRAM",
            (1, 25, "ST036"),
        ),
        (
            "PROGRAM P VAR a : ARRAY[0..1] OF INT := [1, 2, 3]; END_VAR END_PROGRAM",
            (1, 41, "ST041"),
        ),
        (
            "PROGRAM P VAR a : ARRAY[0..99999] OF INT; END_VAR END_PROGRAM",
            (1, 19, "ST040"),
        ),
        (
            "PROGRAM P VAR a : ARRAY[0..1] OF TON; END_VAR END_PROGRAM",
            (1, 19, "ST037"),
        ),
        (
            "PROGRAM P VAR a AT %IW0 : BOOL; END_VAR END_PROGRAM",
            (1, 20, "ST042"),
        ),
        (
            "PROGRAM P VAR a AT %IW5000 : INT; END_VAR END_PROGRAM",
            (1, 20, "ST043"),
        ),
        (
            "PROGRAM P VAR a AT 5 : INT; END_VAR END_PROGRAM",
            (1, 20, "ST010"),
        ),
        (
            "PROGRAM P VAR_GLOBAL a : INT; END_VAR END_PROGRAM",
            (1, 22, "ST038"),
        ),
        (
            "PROGRAM P VAR_EXTERNAL a : INT; END_VAR END_PROGRAM",
            (1, 24, "ST039"),
        ),
        (
            "VAR_GLOBAL a : REAL; END_VAR PROGRAM P VAR_EXTERNAL a : INT; END_VAR END_PROGRAM",
            (1, 53, "ST039"),
        ),
        (
            "FUNCTION F : INT VAR t : TON; END_VAR F := 1; END_FUNCTION PROGRAM P END_PROGRAM",
            (1, 22, "ST044"),
        ),
        (
            "FUNCTION F : INT F := F(); END_FUNCTION PROGRAM P END_PROGRAM",
            (1, 23, "ST032"),
        ),
        (
            "FUNCTION_BLOCK B VAR b1 : B; END_VAR END_FUNCTION_BLOCK PROGRAM P VAR b : B; END_VAR END_PROGRAM",
            (1, 22, "ST032"),
        ),
        (
            "TYPE E : (A := 40000); END_TYPE PROGRAM P END_PROGRAM",
            (1, 11, "ST035"),
        ),
        (
            "CONFIGURATION C END_CONFIGURATION PROGRAM P END_PROGRAM",
            (1, 1, "ST020"),
        ),
        ("garbage PROGRAM P END_PROGRAM", (1, 1, "ST010")),
    ] {
        assert_eq!(places(source)[0], expected, "{source}");
    }
}

#[test]
fn mutual_recursion_is_found() {
    let source = "FUNCTION F : INT F := G(); END_FUNCTION\nFUNCTION G : INT G := H(); END_FUNCTION\n\
                  FUNCTION H : INT H := F(); END_FUNCTION\nPROGRAM P VAR i : INT; END_VAR i := F(); END_PROGRAM";
    let errors = places(source);
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].2, "ST032");
}

#[test]
fn several_errors_are_reported_at_once_and_in_order() {
    let body = "i := x;\ni := missing;\nb := i;\nIF b THEN\n  w := t;\nEND_IF;";
    assert_eq!(
        in_body(body),
        [
            (3, 6, "ST060"),
            (4, 6, "ST053"),
            (5, 6, "ST060"),
            (7, 8, "ST060")
        ]
    );
    let syntax = "i := ;\nb := TRUE;\nx := * 2.0;\nIF b THEN i := := 1; END_IF;\nw := 1;";
    assert_eq!(
        in_body(syntax),
        [(3, 6, "ST010"), (5, 6, "ST010"), (6, 16, "ST010")]
    );
}

#[test]
fn an_error_inside_a_function_block_is_reported_once_however_many_instances() {
    let source = "FUNCTION_BLOCK B VAR i : INT; END_VAR\ni := 1.5;\nEND_FUNCTION_BLOCK\nPROGRAM P VAR a, b, c : B; END_VAR END_PROGRAM";
    assert_eq!(places(source), [(2, 6, "ST060")]);
    let unused = source.replace("a, b, c : B;", "");
    assert_eq!(places(&unused), [(2, 6, "ST060")]);
}

#[test]
fn hints_propose_a_name_or_a_conversion() {
    let errors = st::compile(
        "PROGRAM P VAR Level : INT; x : REAL; END_VAR\nLevle := 1;\nLevel := x;\nEND_PROGRAM",
    )
    .unwrap_err();
    assert_eq!(errors[0].hint, "did you mean LEVEL?");
    assert_eq!(errors[1].hint, "convert it with REAL_TO_INT");
    assert_eq!(
        errors[1].to_string(),
        "3:10: ST060: REAL where INT is needed"
    );
}

#[test]
fn columns_count_characters_not_bytes() {
    assert_eq!(
        places("PROGRAM P VAR i : INT; END_VAR (* größe °C *) i := x; END_PROGRAM"),
        [(1, 52, "ST053")]
    );
}

#[test]
fn limits_hold() {
    let deep_parens = format!("i := {}1{};", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(in_body(&deep_parens)[0].2, "ST012");
    let deep_ifs = "IF b THEN ".repeat(3000);
    assert_eq!(in_body(&deep_ifs)[0].2, "ST012");
    let long_sum = format!("i := 1{};", " + i".repeat(20_000));
    assert_eq!(in_body(&long_sum)[0].2, "ST012");
    let nots = format!("b := {} b;", "NOT ".repeat(20_000));
    assert_eq!(in_body(&nots)[0].2, "ST012");
    let many_arguments = format!("i := MAX(i{});", ", i".repeat(300));
    assert_eq!(in_body(&many_arguments)[0].2, "ST012");
    let many = "i := x;\n".repeat(500);
    assert_eq!(in_body(&many).len(), MAX_ERRORS);
    assert_eq!(places(&" ".repeat(MAX_SOURCE_BYTES + 1)), [(1, 1, "ST000")]);
    let many_instructions = "a[i] := a[d];\n".repeat(18_000);
    let errors = st::compile(&format!(
        "PROGRAM P VAR a : ARRAY[0..3] OF INT; i : INT; d : DINT; END_VAR\n{many_instructions}END_PROGRAM"
    ));
    assert_eq!(errors.unwrap_err()[0].code, "ST040");
}

#[test]
fn sources_just_inside_the_limits_compile() {
    let sum = "1".to_owned() + &" + i".repeat(100);
    let body = format!(
        "{}i := {sum};{}",
        "IF b THEN ".repeat(40),
        " END_IF;".repeat(40)
    );
    let source = format!("PROGRAM P VAR i : INT; b : BOOL; END_VAR\n{body}\nEND_PROGRAM");
    assert!(st::compile(&source).is_ok());
}

#[test]
fn instances_cannot_multiply_without_bound() {
    let mut source =
        String::from("FUNCTION_BLOCK B0 VAR_INPUT x : INT; END_VAR END_FUNCTION_BLOCK\n");
    for i in 1..20 {
        source += &format!(
            "FUNCTION_BLOCK B{i} VAR p, q, r : B{}; END_VAR p(); q(); r(); END_FUNCTION_BLOCK\n",
            i - 1
        );
    }
    source += "PROGRAM P VAR b : B19; END_VAR b(); END_PROGRAM";
    assert_eq!(places(&source)[0].2, "ST040");
    let constants: String = (0..2000).map(|i| format!("c{i} : INT := {i};")).collect();
    let source = format!(
        "FUNCTION_BLOCK B VAR CONSTANT {constants} END_VAR END_FUNCTION_BLOCK PROGRAM P VAR {} : B; END_VAR END_PROGRAM",
        (0..4000)
            .map(|i| format!("b{i}"))
            .collect::<Vec<_>>()
            .join(",")
    );
    assert_eq!(places(&source)[0].2, "ST040");
}
