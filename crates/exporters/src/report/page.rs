//! What a report says, before it has a format.

/// A report as blocks, from top to bottom. Texts may hold names that others chose: a renderer escapes them all.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Page {
    pub(super) blocks: Vec<Block>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Block {
    /// The name of the whole.
    Title(String),
    /// Begins a section.
    Heading(&'static str),
    /// A paragraph.
    Text(String),
    /// One short text below another.
    Lines(Vec<String>),
    /// What is known, by what it is.
    Facts(Vec<(String, String)>),
    Table(Table),
}

/// Rows of equal length.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<String>>,
    /// Rows for which there is no room.
    pub(super) left_out: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) title: &'static str,
    /// Whether its cells are numbers, which end where the column does.
    pub(super) is_number: bool,
}

impl Page {
    pub(super) fn title(&mut self, title: String) {
        self.blocks.push(Block::Title(title));
    }

    pub(super) fn heading(&mut self, heading: &'static str) {
        self.blocks.push(Block::Heading(heading));
    }

    pub(super) fn text(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Text(text.into()));
    }

    pub(super) fn lines(&mut self, lines: impl IntoIterator<Item = String>) {
        self.blocks.push(Block::Lines(lines.into_iter().collect()));
    }

    pub(super) fn facts<'a>(&mut self, facts: impl IntoIterator<Item = (&'a str, String)>) {
        let facts = facts.into_iter().map(|(what, fact)| (what.to_owned(), fact)).collect();
        self.blocks.push(Block::Facts(facts));
    }

    /// A table of at most `most` rows; columns whose title begins with `<` hold texts, others numbers.
    pub(super) fn table<const N: usize>(
        &mut self,
        titles: [&'static str; N],
        most: usize,
        rows: impl ExactSizeIterator<Item = [String; N]>,
    ) {
        let left_out = rows.len().saturating_sub(most);
        let rows = rows.take(most).map(Vec::from).collect();
        let columns = titles.map(Column::of).to_vec();
        self.blocks.push(Block::Table(Table { columns, rows, left_out }));
    }
}

impl Column {
    fn of(title: &'static str) -> Column {
        match title.strip_prefix('<') {
            Some(title) => Column { title, is_number: false },
            None => Column { title, is_number: true },
        }
    }
}
