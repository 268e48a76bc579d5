use crate::{SHOP, file, margay};
use expect_test::{Expect, expect};

fn check(arguments: &str, expected: Expect) {
    expected.assert_eq(&margay(&format!("margay matrix -f -{arguments}"), SHOP).to_string());
}

#[test]
fn the_whole_cluster() {
    check(
        "",
        expect![[r#"
            FROM \ TO         1  2  3
            1 front/web       ·  a  ✗
            2 shop/api-* (2)  ✓  ✗  b
            3 shop/db-0       ✓  ✗  ·

            ✓ everything   ✗ nothing   · itself
            a TCP 8080
            b TCP 5432
            [exit code 0]"#]],
    );
}

#[test]
fn a_namespace_pod_by_pod_for_one_port() {
    check(
        " -n shop --pods -p 5432",
        expect![[r#"
        FROM \ TO                    1  2  3
        1 shop/api-7d9f8c6b5d-x2x4z  ·  ✗  ✓
        2 shop/api-7d9f8c6b5d-z5z9k  ✗  ·  ✓
        3 shop/db-0                  ✗  ✗  ·

        ✓ all that was asked for   ✗ nothing   · itself
        [exit code 0]"#]],
    );
}

#[test]
fn others_beside_pods() {
    check(
        " -n front --also 203.0.113.1 --also node/node-1 -o csv",
        expect![[r#"
        from,to,allowed
        front/web,203.0.113.1,everything
        front/web,node/node-1,everything
        203.0.113.1,front/web,everything
        203.0.113.1,node/node-1,everything
        node/node-1,front/web,everything
        node/node-1,203.0.113.1,everything
        [exit code 0]"#]],
    );
}

#[test]
fn what_the_staged_policies_would_change() {
    check(
        " --staged --fail-on-change",
        expect![[r#"
            FROM \ TO         1  2  3
            1 front/web       ·  a  ✗→b
            2 shop/api-* (2)  ✓  ✗  b
            3 shop/db-0       ✓  ✗  ·

            ✓ everything   ✗ nothing   · itself
            a TCP 8080
            b TCP 5432

            Would change:
              front/web → shop/db-0: nothing → TCP 5432
            [exit code 1]"#]],
    );
}

#[test]
fn what_a_file_would_change() {
    let proposed = file(
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: db, namespace: shop}, spec: {podSelector: {}}}",
    );
    check(
        &format!(" --with {}", proposed.path().display()),
        expect![[r#"
            FROM \ TO         1  2  3
            1 front/web       ·  a  ✗
            2 shop/api-* (2)  ✓  ✗  b→✗
            3 shop/db-0       ✓  ✗  ·

            ✓ everything   ✗ nothing   · itself
            a TCP 8080
            b TCP 5432

            Would change:
              shop/api-* (2) → shop/db-0: TCP 5432 → nothing
            [exit code 0]"#]],
    );
}

#[test]
fn programs_get_json() {
    check(
        " -n shop -p tcp/5432 -o json",
        expect![[r#"
            {
              "ends": [
                {
                  "name": "shop/api-* (2)",
                  "members": [
                    "shop/api-7d9f8c6b5d-x2x4z",
                    "shop/api-7d9f8c6b5d-z5z9k"
                  ]
                },
                {
                  "name": "shop/db-0",
                  "members": [
                    "shop/db-0"
                  ]
                }
              ],
              "pairs": [
                {
                  "from": "shop/api-* (2)",
                  "to": "shop/api-* (2)",
                  "allowed": []
                },
                {
                  "from": "shop/api-* (2)",
                  "to": "shop/db-0",
                  "allowed": [
                    "TCP 5432"
                  ]
                },
                {
                  "from": "shop/db-0",
                  "to": "shop/api-* (2)",
                  "allowed": []
                }
              ]
            }
            [exit code 0]"#]],
    );
}

#[test]
fn nobody_is_there() {
    check(
        " -n nowhere",
        expect![[r#"
        [standard error]
        error: there are no pods with addresses here: nobody can reach anybody
        [exit code 2]"#]],
    );
}
