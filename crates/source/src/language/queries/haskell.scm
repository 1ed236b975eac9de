; Haskell. Captures the declarations of modules, classes and instances, not the
; bindings of `where` and `let`.

[(comment) (haddock)] @comment

; Type signatures and `-- |` comments precede the definition; pragmas (INLINE,
; SPECIALIZE) are next to it. The signatures in a class are its methods, see below.
(declarations (signature) @attached)
(declarations (kind_signature) @attached)
(instance_declarations (signature) @attached)
((haddock) @attached (#match? @attached "^(--+|\\{-)\\s*\\|"))

; `module X (…) where`. The module's contents are its siblings in the tree.
(header module: (module) @name exports: (_)? @body) @definition.module

; Types. Constructors and fields are part of their type.
(data_type name: (_) @name constructors: (_)? @body) @definition.struct
(newtype name: (_) @name constructor: (_) @body) @definition.struct
(declarations (type_synonym name: (_) @name) @definition.type)
(type_family name: (_) @name) @definition.type
(data_family name: (_) @name) @definition.type
(class name: (_) @name declarations: (_)? @body) @definition.trait

; Instances. The name is the type; the class is in the signature.
(instance patterns: (_) @name declarations: (_)? @body) @definition.impl
(deriving_instance patterns: (_) @name) @definition.impl

; Functions. Each equation is a match. The body begins at `=` or at the first guard.
; The anchors give one match for several guards. They fail if a comment precedes the
; guards, so there are also patterns without a body.
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
