# Lists the definitions of Ruby files with Ruby's own parser, one JSON object per line. Reads paths from standard input.
require "json"

def emit(path, name, kind, node, head_end, text)
  lines = text.lines
  start = lines[0...node.first_lineno - 1].sum(&:bytesize) + node.first_column
  puts JSON.generate(path: path, name: name.to_s, kind: kind, line: node.first_lineno, start: node.first_lineno,
                     end: node.last_lineno, head_start: start, head_end: head_end || 0)
end

def visit(node, path, text, inside)
  return unless node.is_a?(RubyVM::AbstractSyntaxTree::Node)
  case node.type
  when :CLASS, :MODULE
    name = node.children[0].children[-1]
    emit(path, name, node.type == :CLASS ? "class" : "module", node, nil, text)
    inside = true
  when :SCLASS
    inside = true
  when :DEFN
    kind = node.children[0] == :initialize ? "constructor" : inside ? "method" : "function"
    emit(path, node.children[0], kind, node, nil, text)
  when :DEFS
    emit(path, node.children[1], "method", node, nil, text)
  when :CDECL
    name = node.children[0]
    emit(path, name, "constant", node, nil, text) if name.is_a?(Symbol)
  end
  node.children.each { |child| visit(child, path, text, inside) }
end

$stdin.each_line(chomp: true) do |path|
  text = File.binread(path)
  begin
    visit(RubyVM::AbstractSyntaxTree.parse(text.dup.force_encoding("UTF-8")), path, text, false)
  rescue SyntaxError, StandardError
    next
  end
end
