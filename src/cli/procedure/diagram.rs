//! A procedure as a picture: which act or receipt opens what, for Mermaid or for Graphviz.
//!
//! The picture is drawn from the procedure file alone, in the order of the file, so the same
//! procedure always gives the same text. What a hop closes is not drawn: nearly everything would be
//! joined to the decision.

use std::fmt::Write as _;

use super::super::law;
use crate::domain::party::Role;
use crate::domain::procedure::{Hop, OpenedBy, Procedure, Trigger};
use crate::domain::term::{Source, Term};

/// Labels are broken into lines of about so many characters.
const LABEL_CHARS: usize = 28;

/// For which program a picture is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    /// Mermaid, as GitHub and GitLab show it.
    Mermaid,
    /// Graphviz.
    Dot,
}

/// The roles that take cases of a procedure in, in the order of its entries.
pub(super) fn channels(procedure: &Procedure) -> Vec<Role> {
    let mut channels = Vec::new();
    for role in procedure.entries().flat_map(takers) {
        if !channels.contains(&role) {
            channels.push(role);
        }
    }
    channels
}

/// Draws a procedure, or what of it belongs to one channel.
pub(super) fn draw(procedure: &Procedure, channel: Option<Role>, notation: Notation) -> String {
    let picture = Picture::of(procedure, channel);
    match notation {
        Notation::Mermaid => picture.mermaid(),
        Notation::Dot => picture.dot(),
    }
}

struct Picture {
    title: String,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

struct Node {
    id: String,
    lines: Vec<String>,
    shape: Shape,
    /// Possible, never owed.
    branch: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A party that takes cases in.
    Channel,
    /// A hop or step.
    Box,
    /// A hop or step whose act ends the case.
    End,
}

struct Edge {
    from: String,
    to: String,
    label: String,
    /// Whether it leads to a branch.
    dashed: bool,
}

impl Picture {
    fn of(procedure: &Procedure, channel: Option<Role>) -> Self {
        let drawn: Vec<&Hop> = procedure
            .hops()
            .iter()
            .filter(|hop| belongs(hop, channel))
            .filter(|hop| !hop.opened_by.is_empty() || taker(hop, channel) || hop.carried_by_bus)
            .collect();
        let mut picture =
            Self { title: procedure.key().to_string(), nodes: Vec::new(), edges: Vec::new() };
        let entries = || drawn.iter().filter(|hop| hop.opened_by.is_empty());
        let mut taking: Vec<Role> = Vec::new();
        for hop in entries().filter(|hop| !hop.carried_by_bus) {
            taking.extend(takers(hop).filter(|role| channel.is_none_or(|only| only == *role)));
        }
        for role in channels(procedure).into_iter().filter(|role| taking.contains(role)) {
            picture.nodes.push(Node::source(role.as_str()));
        }
        if drawn.iter().any(|hop| hop.carried_by_bus) {
            picture.nodes.push(Node::source(BUS));
        }
        for hop in &drawn {
            picture.nodes.push(Node::hop(hop, channel));
            picture.edges.extend(beginnings(hop, channel));
            let present = |by: &&OpenedBy| drawn.iter().any(|other| other.id == by.hop);
            let openings = hop.opened_by.iter().filter(present);
            picture.edges.extend(openings.map(|by| opening(hop, by, &drawn)));
        }
        for hop in &drawn {
            picture.edges.extend(joint(hop, &drawn));
        }
        picture
    }

    fn mermaid(&self) -> String {
        let mut text = String::from("flowchart TD\n");
        let _ = writeln!(text, "  %% {}", self.title);
        for Node { id, lines, shape, branch } in &self.nodes {
            let label = lines.iter().map(|line| mermaid_text(line)).collect::<Vec<_>>();
            let label = label.join("<br/>");
            let (open, close) = match shape {
                Shape::Channel => ("{{", "}}"),
                Shape::Box => ("[", "]"),
                Shape::End => ("([", "])"),
            };
            let class = if *branch { ":::branch" } else { "" };
            let _ = writeln!(text, "  {}{open}\"{label}\"{close}{class}", mermaid_id(id));
        }
        for Edge { from, to, label, dashed } in &self.edges {
            let arrow = if *dashed { "-.->" } else { "-->" };
            let label = if label.is_empty() {
                String::new()
            } else {
                format!("|\"{}\"|", mermaid_text(label))
            };
            let _ = writeln!(text, "  {} {arrow}{label} {}", mermaid_id(from), mermaid_id(to));
        }
        if self.nodes.iter().any(|node| node.branch) {
            text += "  classDef branch stroke-dasharray: 5 5\n";
        }
        text
    }

    fn dot(&self) -> String {
        let mut text = format!("digraph {} {{\n", dot_text(&self.title));
        text += "  rankdir=TB;\n  node [shape=box];\n";
        for Node { id, lines, shape, branch } in &self.nodes {
            let shape = match shape {
                Shape::Channel => ", shape=hexagon",
                Shape::Box => "",
                Shape::End => ", style=rounded",
            };
            // A dashed end is both.
            let shape = match (branch, shape.is_empty()) {
                (true, true) => ", style=dashed".to_owned(),
                (true, false) => shape.replace("rounded", "\"rounded,dashed\""),
                (false, _) => shape.to_owned(),
            };
            let label = dot_text(&lines.join("\n"));
            let _ = writeln!(text, "  {} [label={label}{shape}];", dot_text(id));
        }
        for Edge { from, to, label, dashed } in &self.edges {
            let mut facts = Vec::new();
            facts.extend((!label.is_empty()).then(|| format!("label={}", dot_text(label))));
            facts.extend(dashed.then(|| "style=dashed".to_owned()));
            let (from, to, facts) = (dot_text(from), dot_text(to), facts.join(", "));
            let _ = writeln!(text, "  {from} -> {to} [{facts}];");
        }
        text + "}\n"
    }
}

/// Where the hops come from that the bus itself carries.
const BUS: &str = "the bus";

impl Node {
    fn source(name: &str) -> Self {
        let lines = vec![name.to_owned()];
        Self { id: name.replace(' ', "-"), lines, shape: Shape::Channel, branch: false }
    }

    fn hop(hop: &Hop, channel: Option<Role>) -> Self {
        let mut lines = vec![format!("{} {}", hop.id, hop.act)];
        if hop.term != Term::None {
            let source = match hop.source {
                Source::Statutory => "",
                Source::Assumed => " (assumed)",
            };
            lines.push(format!("{}{source}", law::words(hop.term)));
        }
        lines.extend(hop.branch.iter().flat_map(|condition| wrapped(&format!("if {condition}"))));
        // In the picture of one channel everything is that channel's.
        if channel.is_none() && !hop.channels.is_empty() {
            let names: Vec<_> = hop.channels.iter().map(|role| role.as_str()).collect();
            lines.extend(wrapped(&format!("({})", names.join(", "))));
        }
        if hop.ends {
            lines.push("ends the case".to_owned());
        }
        let shape = if hop.ends { Shape::End } else { Shape::Box };
        Self { id: hop.id.as_str().to_owned(), lines, shape, branch: hop.branch.is_some() }
    }
}

/// Whether a hop belongs to cases of this channel, on whatever basis.
fn belongs(hop: &Hop, channel: Option<Role>) -> bool {
    let Some(channel) = channel else { return true };
    hop.channels.is_empty() || hop.channels.contains(&channel)
}

/// Whether a case can begin with the hop there.
fn taker(hop: &Hop, channel: Option<Role>) -> bool {
    channel.is_none_or(|only| takers(hop).any(|role| role == only))
}

/// The roles that can begin a case with this entry.
fn takers(hop: &Hop) -> impl Iterator<Item = Role> {
    let roles = hop.recorders().into_iter().filter_map(|actor| actor.role());
    roles.filter(|role| hop.channels.is_empty() || hop.channels.contains(role))
}

/// The edges from the parties that begin a case with this hop.
fn beginnings(hop: &Hop, channel: Option<Role>) -> Vec<Edge> {
    if !hop.opened_by.is_empty() {
        return Vec::new();
    }
    let bases: Vec<_> = hop.bases.iter().map(|basis| basis.name()).collect();
    let edge = |from: &str, label: String| Edge {
        from: from.replace(' ', "-"),
        to: hop.id.as_str().to_owned(),
        label,
        dashed: false,
    };
    if hop.carried_by_bus {
        return vec![edge(BUS, "at each act".to_owned())];
    }
    takers(hop)
        .filter(|role| channel.is_none_or(|only| only == *role))
        .map(|role| edge(role.as_str(), bases.join(" or ")))
        .collect()
}

/// The edge from the hop by whose act this one is done too, unless they are joined already.
fn joint(hop: &Hop, drawn: &[&Hop]) -> Option<Edge> {
    let carrier = drawn.iter().find(|other| Some(other.id) == hop.recorded_with)?;
    if opens(carrier, hop) || opens(hop, carrier) {
        return None;
    }
    Some(Edge {
        from: carrier.id.as_str().to_owned(),
        to: hop.id.as_str().to_owned(),
        label: "by the same act".to_owned(),
        dashed: false,
    })
}

fn opens(earlier: &Hop, later: &Hop) -> bool {
    later.opened_by.iter().any(|by| by.hop == earlier.id)
}

fn opening(hop: &Hop, by: &OpenedBy, drawn: &[&Hop]) -> Edge {
    let earlier = drawn.iter().find(|other| other.id == by.hop);
    let joint = hop.recorded_with == Some(by.hop)
        || earlier.is_some_and(|earlier| earlier.recorded_with == Some(hop.id));
    let event = match by.trigger {
        Trigger::Acted => "done",
        Trigger::Received => "received",
    };
    let mut label = if joint { "by the same act" } else { event }.to_owned();
    if !by.outcomes.is_empty() {
        let names: Vec<_> = by.outcomes.iter().map(|outcome| outcome.name()).collect();
        label += &format!(", if {}", names.join(" or "));
    }
    if !by.with.is_empty() {
        let names: Vec<_> = by.with.iter().map(|hop| hop.as_str()).collect();
        label += &format!(", and {} done", names.join(", "));
    }
    Edge {
        from: by.hop.as_str().to_owned(),
        to: hop.id.as_str().to_owned(),
        label,
        dashed: hop.branch.is_some(),
    }
}

/// A text in lines that are not much longer than a label should be.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < LABEL_CHARS => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Mermaid takes letters, digits and low lines; a hyphen could read as an arrow.
fn mermaid_id(id: &str) -> String {
    id.replace('-', "_")
}

/// A text within quotation marks: what Mermaid would take for its own, or for HTML, by its entity.
fn mermaid_text(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' => written.push_str("#quot;"),
            '#' => written.push_str("#35;"),
            '<' => written.push_str("#lt;"),
            '>' => written.push_str("#gt;"),
            '&' => written.push_str("#amp;"),
            '`' => written.push_str("#96;"),
            other => written.push(other),
        }
    }
    written
}

/// A text as Graphviz quotes it.
fn dot_text(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procedures;

    #[test]
    fn every_procedure_is_drawn_whole_and_every_edge_has_its_ends() {
        for procedure in procedures::load().unwrap().values() {
            let picture = Picture::of(procedure, None);
            for hop in procedure.hops() {
                let here = picture.nodes.iter().filter(|node| node.id == hop.id.as_str());
                assert_eq!(here.count(), 1, "{}", hop.id);
                let reached = picture.edges.iter().any(|edge| edge.to == hop.id.as_str());
                assert!(reached, "{}", hop.id);
            }
            for channel in channels(procedure).into_iter().map(Some).chain([None]) {
                let picture = Picture::of(procedure, channel);
                for Edge { from, to, .. } in &picture.edges {
                    for end in [from, to] {
                        let known = picture.nodes.iter().any(|node| node.id == *end);
                        assert!(known, "{} {channel:?}: {from} to {to}", procedure.key());
                    }
                }
                let drawn = draw(procedure, channel, Notation::Mermaid);
                assert_eq!(drawn, draw(procedure, channel, Notation::Mermaid));
            }
        }
    }

    #[test]
    fn labels_cannot_break_out_of_their_quotation_marks() {
        assert_eq!(
            mermaid_text("\"a\" <b> #1 & `c`"),
            "#quot;a#quot; #lt;b#gt; #35;1 #amp; #96;c#96;"
        );
        assert_eq!(dot_text("a\"b\\c\nd"), r#""a\"b\\c\nd""#);
        assert_eq!(wrapped("incomplete package or expired documents").len(), 2);
    }
}
