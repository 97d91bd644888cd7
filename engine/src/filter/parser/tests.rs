use super::*;

/// The tree in one line, fully parenthesised.
fn show(expr: &Expr) -> String {
    let join = |parts: &[Expr], word: &str| {
        let parts: Vec<_> = parts.iter().map(show).collect();
        format!("({})", parts.join(word))
    };
    match expr {
        Expr::And(parts) => join(parts, " and "),
        Expr::Or(parts) => join(parts, " or "),
        Expr::Not(inner) => format!("!{}", show(inner)),
        Expr::Macro(name) => name.text.clone(),
        Expr::Check(check) => {
            let right = match &check.right {
                Right::None => String::new(),
                Right::Value(value) => show_literal(value),
                Right::List(list) => show_list(list),
                Right::Modified(modifier, list) => format!("{modifier:?} {}", show_list(list)),
                Right::Operand(operand) => show_operand(operand),
            };
            format!("{} {} {right}", show_operand(&check.left), check.op.name())
                .trim_end()
                .to_owned()
        }
    }
}

fn show_literal(literal: &Literal) -> String {
    let text = String::from_utf8_lossy(&literal.bytes);
    if literal.quoted {
        format!("{text:?}")
    } else {
        text.into_owned()
    }
}

fn show_list(list: &List) -> String {
    let items: Vec<_> = list.items.iter().map(show_literal).collect();
    format!("[{}]", items.join(" "))
}

fn show_operand(operand: &Operand) -> String {
    match operand {
        Operand::Field(field) => match &field.arg {
            Some(arg) => format!("{}[{arg}]", field.name),
            None => field.name.clone(),
        },
        Operand::Call(call) => {
            let args: Vec<_> = call.args.iter().map(show_arg).collect();
            let index = call
                .index
                .as_ref()
                .map_or(String::new(), |i| format!("[{i}]"));
            format!("{}({}){index}", call.name.text, args.join(" "))
        }
    }
}

fn show_arg(arg: &Arg) -> String {
    match arg {
        Arg::Operand(operand) => show_operand(operand),
        Arg::Text(literal) | Arg::Number(literal) => show_literal(literal),
        Arg::List(args, _) => {
            let args: Vec<_> = args.iter().map(show_arg).collect();
            format!("[{}]", args.join(" "))
        }
    }
}

#[test]
fn trees() {
    for (text, tree) in [
        ("a", "a"),
        (" a and b or c ", "((a and b) or c)"),
        ("a or b and not c", "(a or (b and !c))"),
        ("(a or b)and(c)", "((a or b) and c)"),
        ("not not a", "a"),
        ("not(a or b)", "!(a or b)"),
        ("not not not (a)", "!a"),
        ("android and order", "(android and order)"),
        ("a.b exists", "a.b exists"),
        ("a.b = c", "a.b = c"),
        ("a.b==c", "a.b = c"),
        ("a.b!=\"c d\"", "a.b != \"c d\""),
        ("a.b = '' and c", "(a.b = \"\" and c)"),
        ("a.b=<", "a.b = <"),
        ("a.b >= -1.5e+3", "a.b >= -1.5e+3"),
        ("a.b<0x1F", "a.b < 0x1F"),
        ("a.b in (x, 'y z' ,\"w\")", "a.b in [x \"y z\" \"w\"]"),
        ("a.b in()", "a.b in []"),
        ("a.b in names", "a.b in [names]"),
        ("a.b in val(c.d)", "a.b in c.d"),
        ("a.b pmatch (/etc, /usr/*)", "a.b pmatch [/etc /usr/*]"),
        ("a.b intersects (x)", "a.b intersects [x]"),
        ("a.b contains anyof (x, y)", "a.b contains Anyof [x y]"),
        ("a.b = oneof names", "a.b = Oneof [names]"),
        ("a.b = allof", "a.b = allof"),
        ("a.b = anyof and c", "(a.b = anyof and c)"),
        ("a.b =anyof", "a.b = anyof"),
        ("a.b[2] = x", "a.b[2] = x"),
        ("a.b['x y'] = x", "a.b[x y] = x"),
        ("a.b.c.d icontains x", "a.b.c.d icontains x"),
        ("tolower(a.b) = x", "tolower(a.b) = x"),
        ("a.b = val(c.d[1])", "a.b = c.d[1]"),
        (
            "a.b = toupper(basename( c.d ))",
            "a.b = toupper(basename(c.d))",
        ),
        ("len(a.b) > len(c.d)", "len(a.b) > len(c.d)"),
        (
            "join(\"-\", (a.b, 'x', 5)) = z",
            "join(\"-\" [a.b \"x\" 5]) = z",
        ),
        ("getopt(a.b, \"c:\")[c] = z", "getopt(a.b \"c:\")[c] = z"),
        ("a.b glob /home/*/.ssh/*", "a.b glob /home/*/.ssh/*"),
        ("a.b\n  startswith\t/x\r\n", "a.b startswith /x"),
    ] {
        assert_eq!(parse(text).map(|e| show(&e)), Ok(tree.to_owned()), "{text}");
    }
}

#[test]
fn escapes() {
    let value = |text: &str| match parse(&format!("a.b = {text}")) {
        Ok(Expr::Check(Check {
            right: Right::Value(literal),
            ..
        })) => literal.bytes,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(value(r#""\b\f\n\r\t\\\/\"'""#), b"\x08\x0c\n\r\t\\/\"'");
    assert_eq!(value(r#"'\'"'"#), b"'\"");
    assert_eq!(value(r#""\ x""#), b"\\x");
    assert_eq!(value(r#""\x41\xff""#), b"A\xff");
    assert_eq!(value(r#""a\\""#), b"a\\");
    assert_eq!(value(r"a\b"), b"a\\b");
    let error = parse(r#"a.b = "é\q""#).unwrap_err();
    assert_eq!(error.to_string(), r"unknown escape `\q`");
    assert_eq!(error.span, Span::new(9, 11));
    assert!(parse(r#"a.b = "\é""#).is_err());
    assert!(parse(r#"a.b = "\x+1""#).is_err());
    assert!(parse(r#"a.b = '\"'"#).is_err());
}

#[test]
fn syntax_errors() {
    for (text, message, at) in [
        ("", "condition is empty", 0),
        (" \n", "condition is empty", 0),
        ("a and", "expected a check or a macro, found the end", 5),
        ("a b", "expected `and` or `or`, found `b`", 2),
        ("a andb", "expected `and` or `or`, found `andb`", 2),
        ("(a", "expected `and` or `or` or `)`, found the end", 2),
        ("a)", "expected `and` or `or`, found `)`", 1),
        ("a.b", "expected an operator, found the end", 3),
        ("a.b is c", "expected an operator, found `is`", 4),
        ("a.b = ", "expected a value, found the end", 6),
        (
            "a.b < x",
            "expected a transformer or a number, found `x`",
            6,
        ),
        ("a.b = open # no", "expected `and` or `or`, found `#`", 11),
        (
            "a.b contains res=0",
            "expected `and` or `or`, found `=`",
            16,
        ),
        ("a.b in (x", "expected `)` or `,`, found the end", 9),
        ("a.b in (x y)", "expected `)` or `,`, found `y`", 10),
        ("a.b = \"x", "expected a value, found `\"x`", 6),
        (
            "a.b < anyof (1)",
            "expected a transformer or a number, found `anyof`",
            6,
        ),
    ] {
        let error = parse(text).expect_err(text);
        assert_eq!(
            (error.to_string().as_str(), error.span.start),
            (message, at),
            "{text}"
        );
    }
}

#[test]
fn limits_are_errors() {
    let kind = |text: &str| parse(text).map_err(|e| e.kind);
    let nested = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
    assert!(parse(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(
        kind(&nested(MAX_DEPTH + 1)),
        Err(ErrorKind::TooDeep(MAX_DEPTH))
    );
    assert_eq!(
        kind(&"(".repeat(MAX_TEXT)),
        Err(ErrorKind::TooDeep(MAX_DEPTH))
    );
    assert_eq!(
        kind(&"a".repeat(MAX_TEXT + 1)),
        Err(ErrorKind::TooLong(MAX_TEXT))
    );
    assert!(parse(&format!("a.b in ({}x)", "x, ".repeat(20_000))).is_ok());
    assert!(parse(&format!("{}a", "not ".repeat(20_000))).is_ok());
    assert!(parse(&"a or ".repeat(40_000)).is_err());
    assert!(parse(&format!("{}a", "a or ".repeat(MAX_TEXT / 5 - 1))).is_ok());
    assert!(parse("a.b = \"((((((\"").is_ok());
}

#[test]
fn spans_fit_tightly() {
    let text = "a.b  =  'x' and  m";
    let Ok(Expr::And(parts)) = parse(text) else {
        panic!("no conjunction");
    };
    let Expr::Check(check) = &parts[0] else {
        panic!("no check");
    };
    let Right::Value(value) = &check.right else {
        panic!("no value");
    };
    let Expr::Macro(name) = &parts[1] else {
        panic!("no macro");
    };
    let spans = [check.left.span(), check.op_span, value.span, name.span];
    let texts = spans.map(|s| &text[s.start..s.end]);
    assert_eq!(texts, ["a.b", "=", "'x'", "m"]);
}
