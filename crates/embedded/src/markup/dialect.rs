//! Differences between the languages that are written like HTML.

/// The notation of expressions in text and attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Braces {
    None,
    /// `{{ expression }}`
    Double,
    /// `{expression}`
    Single,
}

/// A language that is written like HTML.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    /// Language of expressions.
    pub(super) expressions: &'static str,
    pub(super) braces: Braces,
    /// Whether code between two lines `---` comes first.
    pub(super) has_frontmatter: bool,
    /// Whether code of a template language (`<?…?>`, `<%…%>`, `{%…%}`) can stand anywhere.
    pub(super) has_holes: bool,
    /// Whether `@` begins code in C#.
    pub(super) is_razor: bool,
    /// Whether a component declares its props and events in scripts, and others set them by attributes.
    pub(super) has_props: bool,
    /// Whether headings are sections.
    pub(super) has_sections: bool,
}

/// Returns the dialect of a language; `None` if it is not written like HTML.
pub(crate) fn dialect(language: &str) -> Option<Dialect> {
    let page = Dialect {
        expressions: "javascript",
        braces: Braces::Double,
        has_frontmatter: false,
        has_holes: true,
        is_razor: false,
        has_props: false,
        has_sections: false,
    };
    let component = Dialect { expressions: "typescript", has_holes: false, has_props: true, ..page };
    Some(match language {
        "html" => Dialect { has_sections: true, ..page },
        "template" | "php" => page,
        "vue" => component,
        "svelte" => Dialect { braces: Braces::Single, ..component },
        "astro" => Dialect { expressions: "tsx", braces: Braces::Single, has_frontmatter: true, ..component },
        "razor" => {
            Dialect { expressions: "csharp", braces: Braces::None, is_razor: true, has_props: false, ..component }
        }
        _ => return None,
    })
}

/// Returns whether a text contains `<script` or `<style`.
pub(crate) fn has_script(text: &str) -> bool {
    ["<script", "<style"].iter().any(|tag| memchr::memmem::find(text.as_bytes(), tag.as_bytes()).is_some())
}

/// Returns the language of a script element with the `lang` or `type` in `given`, `default` without one; `None` for
/// data and for languages that are not known.
pub(super) fn script_language(given: Option<&str>, default: &'static str) -> Option<&'static str> {
    let Some(given) = given.map(str::trim).filter(|given| !given.is_empty()) else { return Some(default) };
    let subtype = given.rsplit('/').next().unwrap_or(given).to_ascii_lowercase();
    match subtype.as_str() {
        "ts" | "typescript" => Some("typescript"),
        "tsx" => Some("tsx"),
        "js" | "jsx" | "javascript" | "module" | "babel" | "ecmascript" | "x-javascript" => Some("javascript"),
        "py" | "python" | "mpy" => Some("python"),
        _ => None,
    }
}

/// Returns `css` for a style element in CSS, SCSS, Less or PostCSS, or without a language; `None` for any other
/// language.
pub(super) fn style_language(given: Option<&str>) -> Option<&'static str> {
    let given = given.map_or("css", str::trim);
    let known = ["css", "text/css", "scss", "less", "postcss", "pcss", ""];
    known.contains(&given.to_ascii_lowercase().as_str()).then_some("css")
}
