/// `did you mean …?` with the known field that is nearest; empty where none is near.
pub fn suggestion(written: &str, known: &[&str]) -> String {
    if written.len() > 64 {
        return String::new();
    }
    let near = known
        .iter()
        .map(|name| (distance(&written.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= (name.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance);
    near.map_or_else(String::new, |(_, name)| format!("did you mean `{name}`?"))
}

/// How many characters must be put in, left out or changed to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let change = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_field_is_suggested() {
        let known = ["podSelector", "namespaceSelector", "ipBlock", "ports"];
        for (written, expected) in [
            ("podSelecter", "podSelector"),
            ("PodSelector", "podSelector"),
            ("ipblocks", "ipBlock"),
            ("port", "ports"),
            ("nameSelector", "namespaceSelector"),
            ("labels", ""),
            ("x", ""),
        ] {
            let expected = if expected.is_empty() { String::new() } else { format!("did you mean `{expected}`?") };
            assert_eq!(suggestion(written, &known), expected, "{written}");
        }
    }
}
