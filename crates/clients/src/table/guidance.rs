//! The clients' files of instructions, sub-agents, skills and hooks.

use super::parts::{dot_config, home, in_variable};
use crate::client::{AgentForm, Guidance, GuidancePath, HookSettings, Location};

/// No known file.
const NOWHERE: GuidancePath = GuidancePath { user: None, project: None };

/// The client reads none of these files, or none is known.
pub(super) const NO_GUIDANCE: Guidance = Guidance {
    instructions: NOWHERE,
    agent: NOWHERE,
    agent_form: AgentForm::Markdown(""),
    skill: NOWHERE,
    hooks: None,
};

/// The client reads a project's `AGENTS.md`.
pub(super) const AGENTS_MD: Guidance =
    Guidance { instructions: GuidancePath { user: None, project: Some("AGENTS.md") }, ..NO_GUIDANCE };

/// The skill in the folder that several clients share.
const SHARED_SKILL: GuidancePath = both(home(".agents/skills/codescry/SKILL.md"), ".agents/skills/codescry/SKILL.md");

pub(super) const CLAUDE_CODE: Guidance = Guidance {
    instructions: both(in_variable("CLAUDE_CONFIG_DIR", ".claude", "CLAUDE.md"), "CLAUDE.md"),
    agent: both(
        in_variable("CLAUDE_CONFIG_DIR", ".claude", "agents/codescry-search.md"),
        ".claude/agents/codescry-search.md",
    ),
    agent_form: AgentForm::Markdown("tools: Bash, Read\n"),
    skill: both(
        in_variable("CLAUDE_CONFIG_DIR", ".claude", "skills/codescry/SKILL.md"),
        ".claude/skills/codescry/SKILL.md",
    ),
    hooks: Some(HookSettings {
        file: both(in_variable("CLAUDE_CONFIG_DIR", ".claude", "settings.json"), ".claude/settings.json"),
        event: "PostToolUse",
        matcher: "Grep|Bash",
        // Seconds.
        timeout: 2,
    }),
};

pub(super) const CODEX: Guidance = Guidance {
    instructions: both(in_variable("CODEX_HOME", ".codex", "AGENTS.md"), "AGENTS.md"),
    agent: both(
        in_variable("CODEX_HOME", ".codex", "agents/codescry-search.toml"),
        ".codex/agents/codescry-search.toml",
    ),
    agent_form: AgentForm::Toml,
    skill: SHARED_SKILL,
    hooks: None,
};

pub(super) const GEMINI: Guidance = Guidance {
    instructions: both(home(".gemini/GEMINI.md"), "GEMINI.md"),
    agent: both(home(".gemini/agents/codescry-search.md"), ".gemini/agents/codescry-search.md"),
    agent_form: AgentForm::Markdown("tools:\n  - run_shell_command\n  - read_file\n"),
    skill: SHARED_SKILL,
    hooks: Some(HookSettings {
        file: both(home(".gemini/settings.json"), ".gemini/settings.json"),
        event: "AfterTool",
        matcher: "grep_search|search_file_content|run_shell_command",
        // Milliseconds.
        timeout: 2_000,
    }),
};

pub(super) const QWEN: Guidance = Guidance {
    instructions: both(home(".qwen/QWEN.md"), "QWEN.md"),
    agent: both(home(".qwen/agents/codescry-search.md"), ".qwen/agents/codescry-search.md"),
    agent_form: AgentForm::Markdown("tools:\n  - run_shell_command\n  - read_file\n"),
    skill: both(home(".qwen/skills/codescry/SKILL.md"), ".qwen/skills/codescry/SKILL.md"),
    hooks: None,
};

pub(super) const OPENCODE: Guidance = Guidance {
    instructions: both(dot_config("opencode/AGENTS.md"), "AGENTS.md"),
    agent: both(dot_config("opencode/agents/codescry-search.md"), ".opencode/agents/codescry-search.md"),
    agent_form: AgentForm::Markdown("mode: subagent\n"),
    // opencode reads the shared folder of the user, too.
    skill: both(home(".agents/skills/codescry/SKILL.md"), ".opencode/skills/codescry/SKILL.md"),
    hooks: None,
};

pub(super) const KILO: Guidance = Guidance {
    instructions: both(dot_config("kilo/AGENTS.md"), "AGENTS.md"),
    agent: GuidancePath { user: Some(dot_config("kilo/agents/codescry-search.md")), project: None },
    agent_form: AgentForm::Markdown("mode: subagent\n"),
    ..NO_GUIDANCE
};

pub(super) const CURSOR: Guidance = Guidance {
    instructions: GuidancePath { user: None, project: Some("AGENTS.md") },
    agent: both(home(".cursor/agents/codescry-search.md"), ".cursor/agents/codescry-search.md"),
    ..NO_GUIDANCE
};

pub(super) const COPILOT_CLI: Guidance = Guidance {
    instructions: GuidancePath { user: None, project: Some("AGENTS.md") },
    agent: both(
        in_variable("COPILOT_HOME", ".copilot", "agents/codescry-search.agent.md"),
        ".github/agents/codescry-search.agent.md",
    ),
    ..NO_GUIDANCE
};

pub(super) const KIRO: Guidance = Guidance {
    instructions: both(home(".kiro/steering/codescry.md"), ".kiro/steering/codescry.md"),
    agent: GuidancePath { user: Some(home(".kiro/agents/codescry-search.md")), project: None },
    agent_form: AgentForm::Markdown("tools:\n  - shell\n  - read\n"),
    ..NO_GUIDANCE
};

pub(super) const AMP: Guidance =
    Guidance { instructions: both(dot_config("amp/AGENTS.md"), "AGENTS.md"), ..NO_GUIDANCE };

pub(super) const ANTIGRAVITY: Guidance = Guidance {
    instructions: GuidancePath { user: Some(home(".gemini/GEMINI.md")), project: Some("AGENTS.md") },
    ..NO_GUIDANCE
};

/// A file in the user's folders and one in a project.
const fn both(user: Location, project: &'static str) -> GuidancePath {
    GuidancePath { user: Some(user), project: Some(project) }
}
