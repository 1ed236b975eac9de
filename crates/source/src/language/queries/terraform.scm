; Terraform and other files in HCL. A block of the file is named by its last label; the
; words before it decide its kind and container (see `parse/documents/terraform.rs`). No
; node is captured as @attached.

(comment) @comment

; `resource "aws_s3_bucket" "logs"`, `variable "region"`, and the blocks of other programs.
(config_file (body (block (string_lit (template_literal) @name) . (block_start) @body) @definition.resource))
(config_file (body (block (identifier) . (identifier) @name . (block_start) @body) @definition.resource))

; The values of `locals`.
(config_file (body (block . (identifier) @receiver (body (attribute . (identifier) @name) @definition.variable))
  (#eq? @receiver "locals")))
