//! Tests of the lines, kinds and signatures of definitions, for faults that a comparison with other parsers found.

use super::parse;

/// Asserts that a file has these definitions, each as `FIRST-LAST kind container.name: signature`.
fn assert_definitions(path: &str, text: &str, expected: &[&str]) {
    let found: Vec<String> = parse(path, text)
        .symbols()
        .iter()
        .map(|one| {
            let dot = if one.container.is_empty() { "" } else { "." };
            let (start, end) = (one.span.start_line, one.span.end_line);
            format!("{start}-{end} {} {}{dot}{}: {}", one.kind, one.container, one.name, one.signature)
        })
        .collect();
    assert_eq!(found, expected, "{path}");
}

#[test]
fn definitions_of_the_same_name_stay_apart() {
    assert_definitions(
        "guard.rs",
        "struct Guard<T>(T);\nunsafe impl<T> Send for Guard<T> {}\nunsafe impl<T> Sync for Guard<T> {}\n",
        &[
            "1-1 struct Guard: struct Guard<T>",
            "2-2 impl Guard: unsafe impl<T> Send for Guard<T>",
            "3-3 impl Guard: unsafe impl<T> Sync for Guard<T>",
        ],
    );
    assert_definitions(
        "overloads.py",
        "@overload\ndef get(key: str) -> str: ...\n@overload\ndef get(key: int) -> int: ...\ndef get(key):\n    return key\n",
        &[
            "1-2 function get: def get(key: str) -> str",
            "3-4 function get: def get(key: int) -> int",
            "5-6 function get: def get(key)",
        ],
    );
    assert_definitions(
        "frame.js",
        "class Frame {\n  get src() { return 1; }\n  set src(value) { this.x = value; }\n}\n",
        &["1-4 class Frame: class Frame", "2-2 method Frame.src: get src()", "3-3 method Frame.src: set src(value)"],
    );
    assert_definitions(
        "writer.go",
        "package a\n\nfunc (A) String() string { return \"a\" }\nfunc (B) String() string { return \"b\" }\n",
        &["3-3 method A.String: func (A) String() string", "4-4 method B.String: func (B) String() string"],
    );
    // The clauses of one function are one definition.
    assert_definitions(
        "fact.hs",
        "fact :: Int -> Int\nfact 0 = 1\nfact n = n * fact (n - 1)\n",
        &["1-3 function fact: fact :: Int -> Int"],
    );
}

#[test]
fn signatures_have_no_comments_and_no_annotations() {
    assert_definitions(
        "a.py",
        "def f(\n    a,  # the first\n    b,\n):  # fmt: off\n    return a\n",
        &["1-5 function f: def f( a, b, )"],
    );
    assert_definitions(
        "a.rb",
        "class A # :nodoc:\n  # A remark.\n  def f(x) # :doc:\n    x\n  end\n\n  def g(y); end\nend\n",
        &["1-8 class A: class A", "2-5 method A.f: def f(x)", "7-7 method A.g: def g(y)"],
    );
    assert_definitions(
        "A.java",
        "class A {\n    @Test(\n        timeout = 5, // seconds\n        name = \")\")\n    @Tag(\"x\") void f() /* none */ {\n    }\n}\n",
        &["1-7 class A: class A", "2-6 method A.f: void f()"],
    );
    assert_definitions(
        "a.rs",
        "#[test]\n#[cfg(unix)] // not elsewhere\nfn f() {\n    g();\n}\n",
        &["1-5 function f: fn f()"],
    );
    assert_definitions(
        "a.ts",
        "export interface Options // as in the browser\n  extends Base {\n  url: string;\n}\n",
        &["1-4 interface Options: export interface Options extends Base"],
    );
}

#[test]
fn declarations_without_a_body_have_whole_signatures() {
    assert_definitions(
        "a.rs",
        "trait A {\n    fn f(\n        self,\n    ) -> u8;\n}\ntype Pair =\n    (u8, u8);\n",
        &["1-5 trait A: trait A", "2-4 method A.f: fn f( self, ) -> u8", "6-7 type Pair: type Pair = (u8, u8)"],
    );
    assert_definitions(
        "a.h",
        "int open_it(const char *path,\n            int flags);\n",
        &["1-2 function open_it: int open_it(const char *path, int flags)"],
    );
    assert_definitions(
        "a.go",
        "package a\n\ntype Reader interface {\n\tRead() int\n}\n\nconst a, b, c = 1, 2, 3\n",
        &[
            "3-5 interface Reader: type Reader interface",
            "4-4 method Reader.Read: Read() int",
            "7-7 constant a: const a, b, c = 1, 2, 3",
            "7-7 constant b: const a, b, c = 1, 2, 3",
            "7-7 constant c: const a, b, c = 1, 2, 3",
        ],
    );
    assert_definitions(
        "A.java",
        "@interface A {\n    String[] names() default {};\n}\n",
        &["1-3 interface A: @interface A", "2-2 method A.names: String[] names() default {}"],
    );
}

#[test]
fn c_definitions_have_their_own_lines() {
    assert_definitions(
        "a.c",
        "typedef enum {\n  RED, /* the first */\n  GREEN\n} color;\n\n#define SAVE(a, \\\n             b) \\\n  /* both */ \\\n  keep(a); \\\n  keep(b)\nint f(void);\n",
        &[
            "1-4 enum color: typedef enum { … } color",
            "6-10 macro SAVE: #define SAVE(a, b)",
            "11-11 function f: int f(void)",
        ],
    );
    assert_definitions(
        "a.cc",
        "struct A {\n  A(int x, bool = true) : x_(x), y_(::f(x)) {}\n  int x_;\n};\n",
        &["1-4 struct A: struct A", "2-2 constructor A.A: A(int x, bool = true)"],
    );
}

#[test]
fn a_macro_between_class_and_name_is_no_name() {
    assert_definitions(
        "provider.h",
        "#pragma once\nclass LIB_API Local : public Base\n{\npublic:\n    virtual bool request(void* x) override;\n};\nenum class LIB_API Color { Red };\nLIB_API int free_function(int a);\nstruct LIB_API Point { int x; };\n",
        &[
            "2-6 class Local: class LIB_API Local : public Base",
            "5-5 method Local.request: virtual bool request(void* x) override",
            "7-7 enum Color: enum class LIB_API Color",
            "8-8 function free_function: int free_function(int a)",
            "9-9 struct Point: struct LIB_API Point",
        ],
    );
}

#[test]
fn types_of_flow_do_not_hide_functions() {
    let text = "/* @flow */\ntype Props = {| +name: string, count?: ?number |};\nexport opaque type Token: string = string;\nexport function begin(current: Fiber | null): Fiber | null {\n  const updated = ((current.props: any): Props);\n  return updated ? current : null;\n}\nfunction check(value: mixed): boolean %checks {\n  return typeof value === 'string';\n}\nclass Scheduler<T> extends Base<T> {\n  push(item: T): void { this.queue.push(item); }\n}\nexport default (React.memo(check): Component<Props>);\nfunction last() { return 1; }\n";
    let symbols = parse("reconciler.js", text).symbols();
    let found: Vec<_> = symbols.iter().map(|one| (one.name.as_str(), one.span.start_line, one.span.end_line)).collect();
    for expected in [("begin", 4, 7), ("check", 8, 10), ("Scheduler", 11, 13), ("push", 12, 12), ("last", 15, 15)] {
        assert!(found.contains(&expected), "{expected:?} in {found:?}");
    }
}

#[test]
fn routines_of_other_sql_dialects_are_definitions() {
    let text = "CREATE OR ALTER PROCEDURE [dbo].[load_orders]\n    @Customer INT = NULL\nAS\nBEGIN\n    SELECT 1;\nEND\nGO\nCREATE TRIGGER audit_orders ON dbo.Orders AFTER INSERT AS BEGIN INSERT INTO Audit SELECT 1 END\nGO\nCREATE TABLE [dbo].[Orders] ([Id] INT IDENTITY(1,1))\nGO\n";
    let symbols = parse("procs.sql", text).symbols();
    let found: Vec<_> = symbols.iter().map(|one| (one.name.as_str(), one.span.start_line, one.span.end_line)).collect();
    assert_eq!(found, [("load_orders", 1, 6), ("audit_orders", 8, 8), ("Orders", 10, 10)]);
}

#[test]
fn a_type_above_a_definition_is_its_signature() {
    assert_definitions(
        "a.hs",
        "-- | Doubles.\ndouble, twice\n  :: Int -- a number\n  -> Int\ndouble x = x + x\n\nhalf x = x / 2\n",
        &["1-5 function double: double, twice :: Int -> Int", "7-7 function half: half x"],
    );
    assert_definitions(
        "a.elm",
        "module A exposing (..)\n\nhalf : Int -> Int\nhalf x =\n    x // 2\n",
        &["1-1 module A: module A", "3-5 function half: half : Int -> Int"],
    );
    assert_definitions(
        "a.erl",
        "-spec half(integer()) -> integer().\nhalf(X) -> X div 2.\n",
        &["1-2 function half: half(integer()) -> integer()"],
    );
}

#[test]
fn declarations_without_a_block_hold_what_follows() {
    assert_definitions(
        "a.pm",
        "package A::B;\nsub f { 1 }\n\npackage C;\nsub g { 2 }\n1;\n",
        &[
            "1-2 module A::B: package A::B",
            "2-2 function A::B.f: sub f",
            "4-6 module C: package C",
            "5-5 function C.g: sub g",
        ],
    );
    assert_definitions(
        "a.gd",
        "class_name Player\nfunc run():\n\tpass\n",
        &["1-3 class Player: class_name Player", "2-3 function Player.run: func run()"],
    );
}

#[test]
fn names_that_are_written_in_a_special_way_are_bare() {
    assert_definitions("a.rs", "fn r#match() {}\n", &["1-1 function match: fn r#match()"]);
    assert_definitions(
        "a.ps1",
        "$script:Limit = 3\nclass A {\n    [int] $Count = 1\n}\n",
        &["1-1 variable Limit: $script:Limit = 3", "2-4 class A: class A", "3-3 property A.Count: [int] $Count = 1"],
    );
}

#[test]
fn typed_properties_and_annotation_classes_are_definitions() {
    assert_definitions(
        "a.php",
        "<?php\nclass A {\n    private readonly ?Cache $cache;\n    public static int $count = 0, $total = 1;\n}\n",
        &[
            "2-5 class A: class A",
            "3-3 property A.cache: private readonly ?Cache $cache",
            "4-4 property A.count: public static int $count = 0, $total = 1",
            "4-4 property A.total: public static int $count = 0, $total = 1",
        ],
    );
    assert_definitions(
        "a.kt",
        "@Target(AnnotationTarget.CLASS)\nannotation class Cached(val seconds: Int)\n\nannotation class Plain\n",
        &["1-2 class Cached: annotation class Cached(val seconds: Int)", "4-4 class Plain: annotation class Plain"],
    );
}

#[test]
fn tasks_of_gradle_are_functions() {
    assert_definitions(
        "build.gradle",
        "task smoke(type: Exec, dependsOn: 'jar') {\n    commandLine 'java', '-jar'\n}\n\ntasks.register('fat', Jar) {\n    from a\n}\n",
        &[
            "1-3 function smoke: task smoke(type: Exec, dependsOn: 'jar')",
            "5-7 function fat: tasks.register('fat', Jar)",
        ],
    );
}

#[test]
fn macros_of_unreal_do_not_hide_definitions() {
    assert_definitions(
        "Hero.h",
        "#pragma once\n\nUCLASS(Blueprintable, meta = (DisplayName = \"Hero\"))\nclass GAME_API AHero : public ACharacter\n{\n    GENERATED_BODY()\n\n    /** The life that is left. */\n    UPROPERTY(EditAnywhere,\n        Category = \"Life\")\n    float Life = 100.f;\n\npublic:\n    UFUNCTION(BlueprintCallable)\n    void Hit(float Amount);\n};\n\nUENUM()\nenum class EMood : uint8\n{\n    Calm UMETA(DisplayName = \"Calm\"),\n    Angry\n};\n\nUSTRUCT(BlueprintType)\nstruct GAME_API FLoot\n{\n    GENERATED_BODY()\n    int32 Gold = 0;\n};\n",
        &[
            "4-16 class AHero: class GAME_API AHero : public ACharacter",
            "15-15 method AHero.Hit: void Hit(float Amount)",
            "19-23 enum EMood: enum class EMood : uint8",
            "26-30 struct FLoot: struct GAME_API FLoot",
        ],
    );
}

#[test]
fn a_class_that_is_passed_or_returned_contains_its_members() {
    let text = "customElements.define(\n  'x-restore',\n  class Restore extends HTMLElement {\n    load() {}\n  }\n);\nconst mixin = (Base) => class Mixed extends Base { join() {} };\nfunction make() {\n  return class Made { build() {} };\n}\n";
    for path in ["src/a.js", "src/a.ts", "src/a.tsx"] {
        let symbols = parse(path, text).symbols();
        let names: Vec<_> = symbols.iter().map(|one| types::qualified_name(&one.container, &one.name)).collect();
        for name in ["Restore", "Restore.load", "make.Made", "make.Made.build"] {
            assert!(names.iter().any(|found| found == name), "{path} {name}: {names:?}");
        }
        assert!(names.iter().any(|found| found.ends_with("Mixed.join")), "{path}: {names:?}");
        let more = "const known = flag ? class Chosen { a() {} } : null;\nvar Old = class { b() {} };\nlet Late;\nLate = class { c() {} };\nns.Part = class { d() {} };\nconst all = { Member: class { e() {} } };\nclass Outer {\n  static Inner = class { f() {} };\n}\nconst Same = class Same { g() {} };\nexport default (class Last { h() {} });\nmodule.exports = class Shown { i() {} };\n";
        let symbols_of_more = parse(path, more).symbols();
        for (class, method) in [
            ("Chosen", "a"),
            ("Old", "b"),
            ("Late", "c"),
            ("Part", "d"),
            ("Member", "e"),
            ("Inner", "f"),
            ("Same", "g"),
            ("Last", "h"),
            ("Shown", "i"),
        ] {
            let defined =
                symbols_of_more.iter().filter(|one| one.name == class && one.kind == types::SymbolKind::Class);
            assert_eq!(defined.count(), 1, "{path} {class}: {symbols_of_more:?}");
            let member = symbols_of_more.iter().find(|one| one.name == method).expect(method);
            assert!(member.container.ends_with(class), "{path} {class}: {member:?}");
        }
        let restore = symbols.iter().find(|one| one.name == "Restore").expect("it is defined");
        assert_eq!((restore.kind, restore.span.start_line, restore.span.end_line), (types::SymbolKind::Class, 3, 5));
    }
}
