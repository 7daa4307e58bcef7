#!/usr/bin/env bash
# Fails when a text or a name reads translated: the forms that this project has replaced, with better ones.
#
#   scripts/english-check.sh
set -euo pipefail
cd "$(dirname "$0")/.."

paths=(
    Sources Spike Compat Soak README.md ARCHITECTURE.md CONTRIBUTING.md SECURITY.md CHANGELOG.md PHASES.md docs scripts
)

# One pattern a line (extended regular expressions), and the form to use, for people.
forms=(
    'leads? (each|a) connection to|routes each connection to the branch named by its hostname'
    'what goes wrong is told|errors are reported the way PostgreSQL reports them'
    'leave what was in force|an invalid file is ignored; the previous version stays in effect'
    'follows what happens|updates live, no matter who made the change'
    'weaker than it reads|known limitations'
    '[Ww]hom branches are safe from|security model'
    'as it is allowed to have|too many connections to the gateway'
    'is no name for|invalid branch name'
    'nobody can (tell|say)|cannot determine'
    'the route map is not written|could not write the route map'
    'mend that|fix this and retry'
    'have no say|ignore reads while paused'
    '(is|are|no) news\b|do not report the same error twice'
    '\b(is|are|was|were|be) told\b|name the actor: the log names, the error says'
    '\bwhoever\b|name the actor'
    'makes? good (what|that)|finishes or undoes'
    'has to hold\b|must hold'
    '\bmade anew\b|recreated'
    '\b(tellRoutes|isNews|mayStay|lookUp|patience|gathering|Complaint)\b|publishRoutes, hasChanged, canStay, route(for:), timeout, …'
    '\bclass Course\b|the word of the field'
    '\breached\(|didComplete'
    '(is|are) no (name|path|size|number|port|URL|domain|certificate|secret) (of|for|that|such)|is not a …'
    '\bmend(s|ed|ing)?\b|correct, fix, restore'
    'nothing of it|nothing was left behind'
    'nobody knows|is unknown'
    '\b[Ss]omebody (has|have|else)\b|name the actor: another process, the user'
)

# An idiom that one of the forms matches.
known='told (apart|from)'

found=0
for form in "${forms[@]}"; do
    # The form behind the last bar is for people.
    pattern=${form%|*}
    lines=$(grep -rnE --include='*.swift' --include='*.md' --include='*.sh' --include='*.py' --include='*.service' \
        --include='*.environment' --include='*.mustache' --include='*.js' --exclude=english-check.sh --exclude=STYLE.md \
        -e "$pattern" "${paths[@]}" | grep -vE "$known" || :)
    [ -n "$lines" ] || continue
    found=$((found + $(wc -l <<<"$lines")))
    printf '%s\n    use: %s\n' "$lines" "${form##*|}"
done
[ "$found" = 0 ] || {
    printf 'english-check: %s lines to reword\n' "$found" >&2
    exit 1
}
echo "english-check: no known translated form in ${#paths[@]} paths"
