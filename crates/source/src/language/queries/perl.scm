; Perl. Documentation (`=head1 … =cut`) belongs to what is below it.

(comment) @comment
(pod) @attached

; Packages, and the classes of Perl 5.38. One without a block reaches to the next one.
(package_statement name: (package) @name (block)? @body) @definition.module
(class_statement name: (package) @name (block)? @body) @definition.class

(subroutine_declaration_statement name: (bareword) @name body: (block) @body) @definition.function
(method_declaration_statement name: (bareword) @name body: (block) @body) @definition.method
(class_statement (block (expression_statement [
  (variable_declaration "field" variable: (_ (varname) @name))
  (assignment_expression left: (variable_declaration "field" variable: (_ (varname) @name)))]) @definition.property))

; Accessors of Moose, Moo and Mojo: `has name => …`.
((expression_statement (ambiguous_function_call_expression function: (function) @_word
    arguments: [(list_expression . [(autoquoted_bareword) (string_literal)] @name) (string_literal) @name]))
  @definition.property
  (#eq? @_word "has"))
((expression_statement (ambiguous_function_call_expression function: (function) @_word
    arguments: (list_expression . (anonymous_array_expression (quoted_word_list content: (_) @name)))))
  @definition.property
  (#eq? @_word "has"))

; `use constant NAME => …` and `use constant { NAME => …, … }`
((use_statement module: (package) @_module (list_expression . (autoquoted_bareword) @name)) @definition.constant
  (#eq? @_module "constant"))
((use_statement module: (package) @_module
  (anonymous_hash_expression (list_expression (autoquoted_bareword) @name))) @definition.constant
  (#eq? @_module "constant"))

; Variables of a file.
(source_file (expression_statement [
  (variable_declaration variable: (_ (varname) @name))
  (assignment_expression left: (variable_declaration variable: (_ (varname) @name)))]) @definition.variable)

; `my $name = sub { … };` and `*name = sub { … };`
(expression_statement (assignment_expression left: (variable_declaration variable: (scalar (varname) @name))
  right: (anonymous_subroutine_expression body: (_) @body))) @definition.function
