//! What is seen of a pool.

use b3lb_proto::v1::{Admission, InstanceStatus, PoolStatus};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table, TableState};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// Characters of a bar.
const BAR: usize = 10;

/// What changed since then is shown.
const RECENT: Duration = Duration::from_secs(60);

/// The pool as it was told last, and how it is looked at.
#[derive(Default)]
pub(super) struct View {
    status: Option<PoolStatus>,
    /// How many meetings and users there were, since [`RECENT`] ago.
    before: VecDeque<(Instant, [u64; 2])>,
    order: Order,
    /// The line that is at the top, or marked.
    table: TableState,
}

/// What comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Order {
    /// The one that gets the next meeting.
    #[default]
    Score,
    Users,
    Url,
}

impl View {
    pub(super) fn take(&mut self, status: PoolStatus, now: Instant) {
        self.before.push_back((now, [status.meetings, status.users]));
        self.status = Some(status);
    }

    /// What has come and gone of late, as far back as the view has seen.
    fn change(&mut self, now: Instant) -> [i64; 2] {
        // The last of those that are too old says what there was at the beginning of the time that counts.
        while self.before.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= RECENT) {
            self.before.pop_front();
        }
        let (Some((_, old)), Some((_, new))) = (self.before.front(), self.before.back()) else { return [0, 0] };
        [0, 1].map(|i| new[i].cast_signed() - old[i].cast_signed())
    }

    pub(super) fn sort_otherwise(&mut self) {
        self.order = match self.order {
            Order::Score => Order::Users,
            Order::Users => Order::Url,
            Order::Url => Order::Score,
        };
    }

    pub(super) fn scroll(&mut self, lines: i16) {
        let count = self.status.as_ref().map_or(0, |status| status.instances.len());
        let at = self.table.selected().unwrap_or_default().saturating_add_signed(lines.into());
        self.table.select(Some(at.min(count.saturating_sub(1))));
    }

    pub(super) fn draw(&mut self, frame: &mut Frame<'_>, now: Instant) {
        let change = self.change(now);
        let [head, body, foot] =
            Layout::vertical([Constraint::Length(3), Constraint::Min(1), Constraint::Length(1)]).areas(frame.area());
        let Some(status) = &self.status else {
            return frame.render_widget(Paragraph::new("waiting for the control plane"), head);
        };
        frame.render_widget(Paragraph::new(headlines(status, change)), head);
        let mut instances: Vec<&InstanceStatus> = status.instances.iter().collect();
        instances.sort_by(|a, b| self.order.compare(a, b));
        let most = instances.iter().map(|instance| instance.users).max().unwrap_or_default();
        let rows = instances.iter().map(|instance| row(instance, most));
        let url = instances.iter().map(|instance| instance.url.len()).max().unwrap_or_default().clamp(8, 60);
        let widths = [
            Constraint::Length(u16::try_from(url).unwrap_or(60)),
            Constraint::Length(9),
            Constraint::Length(8),
            Constraint::Length(17),
            Constraint::Length(6),
            Constraint::Length(6),
            Constraint::Length(8),
            Constraint::Fill(1),
        ];
        let titles = ["INSTANCE", "ADMISSION", "MEETINGS", "USERS", "CPU %", "MEM %", "SCORE", "TAKES NONE BECAUSE"];
        let header = Row::new(titles).style(Style::new().add_modifier(Modifier::BOLD));
        let table = Table::new(rows, widths).header(header).row_highlight_style(Modifier::REVERSED);
        frame.render_stateful_widget(table, body, &mut self.table);
        let help = format!("q quit   s sort (now by {})   ↑↓ scroll", self.order.name());
        frame.render_widget(Paragraph::new(help).style(Style::new().add_modifier(Modifier::DIM)), foot);
    }
}

impl Order {
    fn compare(self, a: &InstanceStatus, b: &InstanceStatus) -> std::cmp::Ordering {
        let score = |instance: &InstanceStatus| instance.score.unwrap_or(f64::INFINITY);
        match self {
            Self::Score => score(a).total_cmp(&score(b)).then_with(|| a.url.cmp(&b.url)),
            Self::Users => b.users.cmp(&a.users).then_with(|| a.url.cmp(&b.url)),
            Self::Url => a.url.cmp(&b.url),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::Users => "users",
            Self::Url => "url",
        }
    }
}

fn headlines(status: &PoolStatus, [meetings, users]: [i64; 2]) -> Vec<Line<'static>> {
    let online = status.instances.iter().filter(|instance| instance.online).count();
    let open = status.instances.iter().filter(|instance| instance.ineligible.is_empty()).count();
    let state = |name: &str, kind: &str, good: bool| {
        let color = if good { Color::Green } else { Color::Red };
        Span::styled(format!("{name} {kind} {}   ", if good { "ok" } else { "AWAY" }), color)
    };
    vec![
        Line::from(format!(
            "{} meetings   {} users   {} tenants   {} instances, {online} online, {open} take meetings   {} proxies",
            status.meetings,
            status.users,
            status.tenants,
            status.instances.len(),
            status.proxies
        )),
        Line::from(vec![
            state("store", &status.store, status.store_ok),
            state("metrics", &status.metrics, status.metrics_ok),
            Span::raw(format!("last minute {meetings:+} meetings {users:+} users   revision {}", status.revision)),
        ]),
        Line::default(),
    ]
}

fn row(instance: &InstanceStatus, most: u64) -> Row<'static> {
    let admission = instance.admission();
    let name = admission.as_str_name().to_lowercase();
    let admission = if admission == Admission::Open { Cell::from(name) } else { Cell::from(name).style(Color::Yellow) };
    let percent = |value: Option<f64>| match value {
        None => Cell::from("     -"),
        Some(value) => Cell::from(format!("{value:>6.1}")).style(match value {
            value if value < 33.33 => Color::Green,
            value if value < 66.66 => Color::Yellow,
            _ => Color::Red,
        }),
    };
    let score = instance.score.map_or_else(|| "-".to_owned(), |score| format!("{score:.2}"));
    let url = Cell::from(instance.url.clone());
    Row::new([
        if instance.online { url } else { url.style(Color::Red) },
        admission,
        Cell::from(format!("{:>8}", instance.meetings)),
        Cell::from(format!("{:>6} {}", instance.users, bar(instance.users, most))),
        percent(instance.cpu),
        percent(instance.mem),
        Cell::from(format!("{score:>8}")),
        Cell::from(instance.ineligible.clone()),
    ])
}

/// How many, beside the most that an instance has.
fn bar(users: u64, most: u64) -> String {
    let filled = if most == 0 { 0 } else { (users * BAR as u64).div_ceil(most) };
    "█".repeat(usize::try_from(filled).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn shown(view: &mut View, now: Instant) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(110, 8)).unwrap();
        terminal.draw(|frame| view.draw(frame, now)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let lines = buffer.content.chunks(110);
        lines.map(|line| line.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned()).collect()
    }

    #[test]
    fn instances_are_shown_in_the_order_that_is_wanted() {
        let instance = |url: &str, users, score| InstanceStatus {
            url: url.to_owned(),
            online: true,
            admission: Admission::Open.into(),
            meetings: 1,
            users,
            cpu: Some(12.5),
            score,
            ineligible: if score.is_none() { "cordoned".to_owned() } else { String::new() },
            ..InstanceStatus::default()
        };
        let (mut view, now) = (View::default(), Instant::now());
        assert_eq!(shown(&mut view, now)[0], "waiting for the control plane");
        let pool = PoolStatus {
            meetings: 3,
            users: 45,
            instances: vec![
                instance("http://a", 5, Some(9.0)),
                instance("http://b", 40, None),
                instance("http://c", 0, Some(1.5)),
            ],
            ..PoolStatus::default()
        };
        view.take(pool, now);
        let first = |view: &mut View| shown(view, now)[4][..8].to_owned();
        let lines = shown(&mut view, now);
        assert_eq!(lines[0], "3 meetings   45 users   0 tenants   3 instances, 3 online, 2 take meetings   0 proxies");
        assert_eq!(lines[4], "http://c open             1      0              12.5      -     1.50");
        assert_eq!(lines[6], "http://b open             1     40 ██████████   12.5      -        - cordoned");
        view.sort_otherwise();
        assert_eq!(first(&mut view), "http://b");
        view.sort_otherwise();
        assert_eq!(first(&mut view), "http://a");
    }

    #[test]
    fn what_came_and_went_in_the_last_minute_is_told() {
        let (mut view, start) = (View::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let change = |view: &mut View, seconds| shown(view, at(seconds))[1].split("   ").nth(2).unwrap().to_owned();
        for (seconds, meetings, users) in [(0, 3, 50), (10, 5, 40), (65, 4, 41)] {
            view.take(PoolStatus { meetings, users, ..PoolStatus::default() }, at(seconds));
        }
        assert_eq!(change(&mut view, 69), "last minute +1 meetings -9 users");
        assert_eq!(change(&mut view, 70), "last minute -1 meetings +1 users");
        assert_eq!(change(&mut view, 600), "last minute +0 meetings +0 users");
    }
}
