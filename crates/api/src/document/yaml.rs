use super::{Entry, Limits, Node, Position, Span, SyntaxError, Value, lines, scalar};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};
use smol_str::SmolStr;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};

/// Parses one document (several, should the chunk hold more); null ones are left out.
pub(super) fn parse(chunk: &str, line: u32, limits: &Limits, found: &mut VecDeque<Result<Node, SyntaxError>>) {
    let mut parser = Parser::new_from_str(chunk);
    let mut builder = Builder::new(line, limits);
    while let Some(event) = parser.next_event() {
        let step = match event {
            Ok((Event::StreamEnd, _)) => return,
            Ok((event, span)) => builder.take(event, span),
            Err(error) => Err(builder.scan_error(&error, chunk)),
        };
        match step {
            Ok(None) => {}
            Ok(Some(Node { value: Value::Null, .. })) => {}
            Ok(Some(document)) => found.push_back(Ok(document)),
            Err(error) => {
                found.push_back(Err(error));
                return;
            }
        }
    }
}

/// A list or mapping that is still open.
enum Open {
    List { items: Vec<Node>, place: Place },
    Map { entries: Vec<Entry>, key: Option<Key>, merges: Vec<Node>, place: Place },
}

struct Key {
    text: SmolStr,
    span: Span,
    /// It is `<<` without quotes.
    merge: bool,
}

#[derive(Clone, Copy)]
struct Place {
    start: Position,
    anchor: usize,
}

struct Anchor {
    node: Node,
    count: usize,
    depth: usize,
}

struct Builder<'l> {
    lines_before: u32,
    limits: &'l Limits,
    open: Vec<Open>,
    anchors: HashMap<usize, Anchor>,
    expanded: usize,
    root: Option<Node>,
}

type Step<T> = Result<T, SyntaxError>;

impl<'l> Builder<'l> {
    fn new(line: u32, limits: &'l Limits) -> Self {
        let lines_before = line.saturating_sub(1);
        Self { lines_before, limits, open: Vec::new(), anchors: HashMap::new(), expanded: 0, root: None }
    }

    fn position(&self, marker: &Marker) -> Position {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Position {
            line: number(marker.line()).saturating_add(self.lines_before),
            column: number(marker.col()).saturating_add(1),
        }
    }

    /// The parser counts one line too many where the text ends too soon.
    fn scan_error(&self, error: &ScanError, chunk: &str) -> SyntaxError {
        let mut position = self.position(error.marker());
        if let Some((index, (_, last))) = lines(chunk).enumerate().last() {
            let end = Marker::new(0, index + 1, last.chars().count());
            position = position.min(self.position(&end));
        }
        SyntaxError { message: format!("this is no YAML: {}", error.info()), position }
    }

    /// Takes one event; gives the document that it ends.
    fn take(&mut self, event: Event<'_>, span: saphyr_parser::Span) -> Step<Option<Node>> {
        let span = Span { start: self.position(&span.start), end: self.position(&span.end) };
        match event {
            Event::DocumentEnd => {
                self.anchors.clear();
                self.expanded = 0;
                return Ok(self.root.take());
            }
            Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag, span)?,
            Event::SequenceStart(anchor, tag) => {
                check_tag(tag.as_deref(), "seq", span)?;
                let place = self.opened(anchor, span)?;
                self.open.push(Open::List { items: Vec::new(), place });
            }
            Event::MappingStart(anchor, tag) => {
                check_tag(tag.as_deref(), "map", span)?;
                let place = self.opened(anchor, span)?;
                self.open.push(Open::Map { entries: Vec::new(), key: None, merges: Vec::new(), place });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
            Event::Alias(anchor) => self.alias(anchor, span)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
        }
        Ok(None)
    }

    fn opened(&self, anchor: usize, span: Span) -> Step<Place> {
        if matches!(self.open.last(), Some(Open::Map { key: None, .. })) {
            return fail("a key must be a string, not a list or mapping (are there template braces left?)", span);
        }
        self.check_depth(self.open.len() + 1, span)?;
        Ok(Place { start: span.start, anchor })
    }

    fn check_depth(&self, depth: usize, span: Span) -> Step<()> {
        if depth <= self.limits.depth {
            return Ok(());
        }
        fail(format!("lists and mappings nest at most {} deep", self.limits.depth), span)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
        span: Span,
    ) -> Step<()> {
        let plain = style == ScalarStyle::Plain;
        if let Some(Open::Map { key: key @ None, .. }) = self.open.last_mut() {
            *key = Some(Key { text: SmolStr::new(text), span, merge: plain && text == "<<" });
            return self.anchored(anchor, Node { value: Value::Text(SmolStr::new(text)), span });
        }
        let value = match tag.as_deref() {
            None if plain => scalar::resolve(text),
            None => Value::Text(SmolStr::new(text)),
            Some(tag) => tagged(text, tag, span)?,
        };
        self.finished(Node { value, span }, anchor)
    }

    fn close(&mut self, span: Span) -> Step<()> {
        let (value, last, place) = match self.open.pop() {
            Some(Open::List { items, place }) => {
                let last = items.last().map(|item| item.span.end);
                (Value::List(items), last, place)
            }
            Some(Open::Map { mut entries, merges, place, .. }) => {
                let last = entries.last().map(|entry| entry.value.span.end.max(entry.span.end));
                for merge in merges {
                    merge_into(&mut entries, merge)?;
                }
                (Value::Map(entries), last, place)
            }
            None => return fail("a list or mapping ends that never began", span),
        };
        // A flow list or mapping ends with its bracket; the end of a block is wherever the next thing starts, so its last value counts.
        let end = if span.end > span.start { span.end } else { last.unwrap_or(place.start).max(place.start) };
        self.finished(Node { value, span: Span { start: place.start, end } }, place.anchor)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Step<()> {
        let Some(known) = self.anchors.get(&anchor) else {
            return fail("the alias stands inside what it stands for", span);
        };
        let (count, depth, mut node) = (known.count, known.depth, known.node.clone());
        self.expand(count, span)?;
        self.check_depth(self.open.len() + depth, span)?;
        if let Some(Open::Map { key: key @ None, .. }) = self.open.last_mut() {
            let Value::Text(text) = node.value else {
                return fail("a key must be a string; this alias stands for something else", span);
            };
            *key = Some(Key { text, span, merge: false });
            return Ok(());
        }
        // Problems inside are reported where they are written; the value itself stands here.
        node.span = span;
        self.finished(node, 0)
    }

    fn expand(&mut self, count: usize, span: Span) -> Step<()> {
        self.expanded += count;
        if self.expanded <= self.limits.expansion {
            return Ok(());
        }
        fail(format!("the aliases of one document may add at most {} values", self.limits.expansion), span)
    }

    fn anchored(&mut self, anchor: usize, node: Node) -> Step<()> {
        if anchor > 0 {
            let (count, depth) = (node.count(), node.depth());
            self.expand(count, node.span)?;
            self.anchors.insert(anchor, Anchor { node, count, depth });
        }
        Ok(())
    }

    fn finished(&mut self, node: Node, anchor: usize) -> Step<()> {
        if anchor > 0 {
            self.anchored(anchor, node.clone())?;
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, merges, .. }) => match key.take() {
                Some(Key { merge: true, .. }) => merges.push(node),
                Some(Key { text: key, span, .. }) => entries.push(Entry { key, span, value: node }),
                None => return fail("a value without a key", node.span),
            },
        }
        Ok(())
    }
}

/// Adds what a merge key names: a mapping, or a list of them. What is written in the mapping itself wins, then what comes first.
fn merge_into(entries: &mut Vec<Entry>, merge: Node) -> Step<()> {
    let maps = match merge.value {
        Value::List(maps) => maps,
        _ => vec![merge],
    };
    let mut known: HashSet<SmolStr> = entries.iter().map(|entry| entry.key.clone()).collect();
    for map in maps {
        let Value::Map(more) = map.value else {
            return fail("a merge key (<<) needs a mapping, or a list of them", map.span);
        };
        entries.extend(more.into_iter().filter(|entry| known.insert(entry.key.clone())));
    }
    Ok(())
}

fn fail<T>(message: impl Into<String>, span: Span) -> Step<T> {
    Err(SyntaxError { message: message.into(), position: span.start })
}

fn check_tag(tag: Option<&Tag>, expected: &str, span: Span) -> Step<()> {
    match tag {
        None => Ok(()),
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == expected => Ok(()),
        Some(tag) => fail(format!("the tag {tag} means nothing here; leave it out"), span),
    }
}

/// The value of a scalar with one of YAML's own tags. `!` alone makes it a string.
fn tagged(text: &str, tag: &Tag, span: Span) -> Step<Value> {
    let wanted = match (tag.is_yaml_core_schema(), tag.suffix.as_str()) {
        (true, wanted) => wanted,
        (false, "" | "!") => "str",
        (false, _) => "",
    };
    let resolved = scalar::resolve(text);
    let fits = match wanted {
        "str" => return Ok(Value::Text(SmolStr::new(text))),
        "null" => resolved == Value::Null,
        "bool" => matches!(resolved, Value::Bool(_)),
        "int" => matches!(resolved, Value::Int(_)),
        "float" => matches!(resolved, Value::Int(_) | Value::Float(_)),
        _ => return fail(format!("the tag {tag} means nothing here; leave it out"), span),
    };
    if fits { Ok(resolved) } else { fail(format!("{text:?} does not fit its tag {tag}"), span) }
}
