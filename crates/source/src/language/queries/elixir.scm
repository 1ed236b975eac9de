; Elixir. Every definition is a call; the called name says which kind it is. `(_ left: … operator: …)` is a
; binary_operator: the operators of the other nodes with these fields are not listed. A query without the kind compiles
; three times faster (see `cpp.scm`).

(comment) @comment

; Module attributes that describe the definition after them.
((unary_operator operand: (call target: (identifier))) @attached
  (#match? @attached "^@(doc|spec|impl|typedoc|deprecated|since|tag|describetag|decorate)\\b"))

; Modules, protocols, implementations. The name of an implementation is its type.
((call target: (identifier) (arguments . (_) @name) (do_block) @body) @definition.module
  (#match? @definition.module "^(defmodule)\\b"))
((call target: (identifier) (arguments . (_) @name) (do_block) @body) @definition.interface
  (#match? @definition.interface "^(defprotocol)\\b"))
((call target: (identifier) (arguments . (_) @name .) (do_block) @body) @definition.impl
  (#match? @definition.impl "^(defimpl)\\b"))
((call target: (identifier)
  (arguments . (_) (keywords (pair key: (keyword) value: (_) @name))) (do_block) @body) @definition.impl
  (#match? @definition.impl "^(defimpl)\\b"))

; Structs and exceptions. Their name would be the module's, so the name is the keyword.
((call target: (identifier) @name (arguments)) @definition.struct
  (#any-of? @name "defstruct" "defexception"))

; Functions. The head is a name or a call of it, optionally with a guard; the head of an
; operator is an expression with it. The body is a `do` block here, `do:` further down.
((call target: (identifier) (arguments . [
    (identifier) @name
    (call target: (_) @name)
    (_ left: (identifier) @name operator: "when")
    (_ left: (call target: (_) @name) operator: "when")])
  (do_block)? @body) @definition.function
  (#match? @definition.function "^(def|defp|defdelegate|defn|defnp)\\b"))
((call target: (identifier) (arguments . [
    (identifier) @name
    (call target: (_) @name)
    (_ left: (identifier) @name operator: "when")
    (_ left: (call target: (_) @name) operator: "when")]
  (keywords . (pair key: (keyword) value: (_) @body)))) @definition.function
  (#match? @definition.function "^(def|defp|defn|defnp)\\b"))
((call target: (identifier) (arguments . [
    (_ left: (_) operator: [
      "+" "-" "*" "/" "++" "--" "<>" ".." "|>" "<<<" ">>>" "<~" "~>" "<<~" "~>>" "<~>" "<|>"
      "==" "!=" "===" "!==" "=~" "<" ">" "<=" ">=" "&&" "||" "&&&" "|||" "^^^" "in" "and" "or"] @name)
    (binary_operator operator: "when" left: (binary_operator operator: [
      "+" "-" "*" "/" "++" "--" "<>" ".." "|>" "<<<" ">>>" "<~" "~>" "<<~" "~>>" "<~>" "<|>"
      "==" "!=" "===" "!==" "=~" "<" ">" "<=" ">=" "&&" "||" "&&&" "|||" "^^^" "in" "and" "or"] @name))])
  (do_block)? @body) @definition.function
  (#match? @definition.function "^(def|defp)\\b"))

; Macros and guards.
((call target: (identifier) (arguments . [
    (identifier) @name
    (call target: (_) @name)
    (_ left: (identifier) @name operator: "when")
    (_ left: (call target: (_) @name) operator: "when")
    (_ left: (_) operator: ["|>" "~>" "<~" "<~>" "<|>" "==" "<>" "in"] @name)])
  (do_block)? @body) @definition.macro
  (#match? @definition.macro "^(defmacro|defmacrop|defguard|defguardp)\\b"))

; Types, callbacks, and module attributes used as constants.
((unary_operator operator: "@" operand: (call target: (identifier) (arguments (_ left: [
    (identifier) @name (call target: (identifier) @name)] operator: "::")))) @definition.type
  (#match? @definition.type "^@(type|typep|opaque)\\b"))
((unary_operator operator: "@" operand: (call target: (identifier) (arguments [
    (_ left: [(identifier) @name (call target: (identifier) @name)] operator: "::")
    (binary_operator operator: "when" left: (binary_operator left: (call target: (identifier) @name)))
    ]))) @definition.method
  (#match? @definition.method "^@(callback|macrocallback)\\b"))
((unary_operator operator: "@" operand: (call target: (identifier) @name (arguments))) @definition.constant
  (#not-eq? @name "doc") (#not-eq? @name "moduledoc") (#not-eq? @name "typedoc")
  (#not-eq? @name "shortdoc") (#not-eq? @name "spec") (#not-eq? @name "impl")
  (#not-eq? @name "type") (#not-eq? @name "typep") (#not-eq? @name "opaque")
  (#not-eq? @name "callback") (#not-eq? @name "macrocallback") (#not-eq? @name "optional_callbacks")
  (#not-eq? @name "behaviour") (#not-eq? @name "derive") (#not-eq? @name "enforce_keys")
  (#not-eq? @name "deprecated") (#not-eq? @name "since") (#not-eq? @name "compile")
  (#not-eq? @name "before_compile") (#not-eq? @name "after_compile") (#not-eq? @name "on_load")
  (#not-eq? @name "on_definition") (#not-eq? @name "dialyzer") (#not-eq? @name "external_resource")
  (#not-eq? @name "tag") (#not-eq? @name "describetag") (#not-eq? @name "moduletag")
  (#not-eq? @name "decorate"))

; Tests of ExUnit. The name is the string.
((call target: (identifier) (arguments . (string) @name) (do_block) @body) @definition.test
  (#match? @definition.test "^(test|describe|property)\\b"))
