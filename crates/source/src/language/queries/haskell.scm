; Haskell. `where` and `let` bindings are not captured: only declarations of a
; module, a class or an instance are.

[(comment) (haddock)] @comment

; Type signatures and `-- |` haddock stand before what they describe, pragmas
; (INLINE, SPECIALIZE) beside it. Signatures of a class are its methods, below.
(declarations (signature) @attached)
(declarations (kind_signature) @attached)
(instance_declarations (signature) @attached)
((haddock) @attached (#match? @attached "^(--+|\\{-)\\s*\\|"))

; `module X (…) where`: what it contains follows as its siblings.
(header module: (module) @name exports: (_)? @body) @definition.module

; Types. Constructors and fields are read with their type.
(data_type name: (_) @name constructors: (_)? @body) @definition.struct
(newtype name: (_) @name constructor: (_) @body) @definition.struct
(declarations (type_synonym name: (_) @name) @definition.type)
(type_family name: (_) @name) @definition.type
(data_family name: (_) @name) @definition.type
(class name: (_) @name declarations: (_)? @body) @definition.trait

; An instance has no name: it goes by its type, its class is in the signature.
(instance patterns: (_) @name declarations: (_)? @body) @definition.impl
(deriving_instance patterns: (_) @name) @definition.impl

; Functions: each equation is a match of its own; the body begins at `=` or at
; the first guard. The anchors keep one match for several guards; a comment
; before the guards breaks them, hence the patterns without a body.
(declarations [(function name: (_) @name) (function (infix operator: (_) @name)) (bind name: (_) @name)] @definition.function)
(declarations [
  (function name: (_) @name . patterns: (_) . match: (_) @body) @definition.function
  (function (infix operator: (_) @name) . match: (_) @body) @definition.function
  (bind name: (_) @name . match: (_) @body) @definition.function])
(declarations (bind name: (_) @name . match: (match expression: (literal)) @body) @definition.constant)
(class_declarations [
  (signature name: (_) @name) @definition.method
  (signature names: (binding_list name: (_) @name)) @definition.method
  (function name: (_) @name . patterns: (_) . match: (_) @body) @definition.method
  (function (infix operator: (_) @name) . match: (_) @body) @definition.method
  (bind name: (_) @name . match: (_) @body) @definition.method])
(instance_declarations [
  (function name: (_) @name . patterns: (_) . match: (_) @body) @definition.method
  (function (infix operator: (_) @name) . match: (_) @body) @definition.method
  (bind name: (_) @name . match: (_) @body) @definition.method])

; `pattern P x = …`
(pattern_synonym (equation synonym: [
  (constructor) @name
  (apply function: (constructor) @name)
  (infix operator: (_) @name)])) @definition.constructor

(foreign_import signature: (signature name: (_) @name)) @definition.function
