//! YAML as a tree in which everything knows where it stands.
//!
//! Scalars stay text: whether `20:00` is a time or `007` a name is the reader's business, so no
//! rule of YAML's about numbers gets in the way. Anchors are followed within a budget.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use super::{Fault, Mark};

/// Most values in one file, with what anchors repeat.
const MOST_NODES: usize = 50_000;

/// Deepest nesting.
const DEEPEST: usize = 32;

/// A value and where it begins.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) at: Mark,
    pub(super) value: Value,
    /// How many values it consists of.
    size: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    /// A scalar as written, without its quotes.
    Text(String),
    List(Vec<Node>),
    /// In the order written; keys are unique.
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) at: Mark,
    pub(super) name: String,
}

impl Node {
    /// What a person would call it.
    pub(super) fn shape(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Text(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// A list or mapping that is still open.
enum Open {
    List { at: Mark, anchor: usize, items: Vec<Node> },
    Map { at: Mark, anchor: usize, entries: Vec<(Key, Node)>, key: Option<Key> },
}

/// Reads one document; `None` when the file says nothing.
pub(super) fn parse(file: &str, text: &str) -> Result<Option<Node>, Fault> {
    let mut builder = Builder { file, open: vec![], anchors: HashMap::new(), nodes: 0, root: None };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let problem = format!("this is not YAML: {}", error.info());
            Fault::new(
                file,
                mark(error.marker()),
                problem,
                "look at indentation, quotes and colons",
            )
        })?;
        builder.take(event, span)?;
    }
    Ok(builder.root)
}

fn mark(marker: &Marker) -> Mark {
    Mark { line: marker.line().max(1), column: marker.col() + 1 }
}

struct Builder<'a> {
    file: &'a str,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        let at = mark(&span.start);
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let empty = ["", "~", "null"].contains(&text.as_ref());
                let value = if style == ScalarStyle::Plain && empty {
                    Value::Null
                } else {
                    Value::Text(text.into_owned())
                };
                self.put(Node { at, value, size: 1 }, anchor)
            }
            Event::SequenceStart(anchor, _) => {
                self.go_down(at)?;
                self.open.push(Open::List { at, anchor, items: vec![] });
                Ok(())
            }
            Event::MappingStart(anchor, _) => {
                self.go_down(at)?;
                self.open.push(Open::Map { at, anchor, entries: vec![], key: None });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (node, anchor) = match self.open.pop() {
                    Some(Open::List { at, anchor, items }) => {
                        let size = 1 + items.iter().map(|item| item.size).sum::<usize>();
                        (Node { at, value: Value::List(items), size }, anchor)
                    }
                    Some(Open::Map { at, anchor, entries, .. }) => {
                        let size = 1 + entries.iter().map(|(_, node)| node.size).sum::<usize>();
                        (Node { at, value: Value::Map(entries), size }, anchor)
                    }
                    None => return Ok(()),
                };
                self.put(node, anchor)
            }
            Event::Alias(anchor) => {
                let Some(named) = self.anchors.get(&anchor) else {
                    let problem = "this refers to an anchor that is not there or not finished";
                    return Err(self.fault(at, problem, "write the value itself"));
                };
                let node = named.clone();
                self.put(node, 0)
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(self.fault(at, "a second document begins here", "keep one document in a file"))
            }
            Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::StreamStart
            | Event::StreamEnd
            | Event::Nothing => Ok(()),
        }
    }

    fn go_down(&self, at: Mark) -> Result<(), Fault> {
        if self.open.len() < DEEPEST {
            return Ok(());
        }
        let problem = format!("this is nested deeper than {DEEPEST} levels");
        Err(self.fault(at, problem, "write it flatter"))
    }

    /// Puts a finished value where it belongs.
    fn put(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        self.nodes += node.size;
        if self.nodes > MOST_NODES {
            let problem = format!("the file has more than {MOST_NODES} values");
            return Err(self.fault(node.at, problem, "split it, or repeat less"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => {
                    let Value::Text(name) = node.value else {
                        return Err(self.fault(node.at, "this is no key", "write a word as key"));
                    };
                    if let Some((first, _)) = entries.iter().find(|(key, _)| key.name == name) {
                        let problem = format!(
                            "the key {name:?} is there twice, first in line {}",
                            first.at.line
                        );
                        return Err(self.fault(node.at, problem, "keep one of them"));
                    }
                    *key = Some(Key { at: node.at, name });
                }
            },
        }
        Ok(())
    }

    fn fault(&self, at: Mark, problem: impl Into<String>, fix: &str) -> Fault {
        Fault::new(self.file, at, problem, fix)
    }
}
