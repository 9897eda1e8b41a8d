"""Mattermost as its operator and its two Helm charts deploy it."""

from __future__ import annotations

from support.contractservers import kept, planted
from support.products.objects import (
    Object,
    container,
    deployment,
    env,
    env_from_secret,
    ports,
    ready,
    secret,
    service,
)

USER = 2000
TOKEN_KEY = "token"
TOKENS = ("admin", "limited", "denied")


def data_source(user: str, password: str, host: str) -> str:
    """A data source of the planted database."""
    return f"postgres://{user}:{password}@{host}:5432/{kept('mattermost')['database']}?sslmode=disable"


def tokens(name: str) -> list[Object]:
    """A Secret for each caller: NAME-admin, NAME-limited, NAME-denied, and NAME-wrong with a token of nobody."""
    known = planted("mattermost")["tokens"]
    wrong = secret(f"{name}-wrong", **{TOKEN_KEY: "w0rongtokenofnobodyatall00"})
    return [*(secret(f"{name}-{who}", **{TOKEN_KEY: known[who]}) for who in TOKENS), wrong]


def by_operator(name: str, *arguments: str, replicas: int = 1, licensed: bool = False) -> list[Object]:
    """As the operator's resource `name` becomes; profiles are always on, and configuration is in the database."""
    labels = {
        "app": "mattermost",
        "installation.mattermost.com/installation": name,
        "installation.mattermost.com/resource": name,
    }
    config, database, files = planted("mattermost")["config"], f"{name}-db", f"{name}-files"
    main = data_source("chat", config["dsnPassword"], kept("mattermost")["databaseHost"])
    replica = data_source("reader", config["replicaPassword"], kept("mattermost")["replicaHost"])
    variables = [
        env_from_secret("MM_CONFIG", database, "DB_CONNECTION_STRING"),
        env_from_secret("MM_SQLSETTINGS_DATASOURCE", database, "DB_CONNECTION_STRING"),
        env_from_secret("MM_SQLSETTINGS_DATASOURCEREPLICAS", database, "MM_SQLSETTINGS_DATASOURCEREPLICAS"),
        env_from_secret("DB_CONNECTION_CHECK_URL", database, "DB_CONNECTION_CHECK_URL"),
        env_from_secret("MM_FILESETTINGS_AMAZONS3ACCESSKEYID", files, "accesskey"),
        env_from_secret("MM_FILESETTINGS_AMAZONS3SECRETACCESSKEY", files, "secretkey"),
        *env(
            {
                "MM_METRICSSETTINGS_ENABLE": "true",
                "MM_METRICSSETTINGS_LISTENADDRESS": ":8067",
                "MM_INSTALL_TYPE": "kubernetes-operator",
                "MM_ELASTICSEARCHSETTINGS_USERNAME": "chat",
                "MM_ELASTICSEARCHSETTINGS_PASSWORD": planted("mattermost")["environment"]["elasticPassword"],
            }
        ),
    ]
    server = _server("mattermost", variables, arguments, ports(app=8065, metrics=8067))
    volumes = [_LOGS]
    if licensed:
        volumes += _licence(name, server, mountPath="/mattermost-license")
    return [
        secret(
            database,
            DB_CONNECTION_STRING=main,
            MM_SQLSETTINGS_DATASOURCEREPLICAS=replica,
            DB_CONNECTION_CHECK_URL=main,
        ),
        secret(files, accesskey=config["s3KeyId"], secretkey=planted("mattermost")["environment"]["s3Secret"]),
        *([_licence_secret(name)] if licensed else []),
        *tokens(name),
        service(name, labels, app=8065, metrics=8067),
        deployment(name, labels, [server], replicas=replicas, securityContext={"fsGroup": USER}, volumes=volumes),
    ]


def by_team_chart(release: str, *arguments: str) -> list[Object]:
    """As the chart of the Team Edition makes it: no licence, no metrics, no port for them."""
    chart = "mattermost-team-edition"
    labels = {"app.kubernetes.io/name": chart, "app.kubernetes.io/instance": release}
    name = f"{release}-{chart}"
    variables = [env_from_secret("MM_CONFIG", f"{name}-mattermost-dbsecret", "mattermost.dbsecret")]
    server = _server(chart, variables, arguments, ports(http=8065))
    server["envFrom"] = [{"secretRef": {"name": f"{name}-config"}}]
    config = planted("mattermost")["config"]
    main = data_source("chat", config["dsnPassword"], kept("mattermost")["databaseHost"])
    return [
        secret(f"{name}-mattermost-dbsecret", **{"mattermost.dbsecret": main}),
        secret(f"{name}-config", MM_EMAILSETTINGS_SMTPPASSWORD=config["smtpPassword"], MM_PLUGINSETTINGS_ENABLE="true"),
        *tokens(release),
        service(name, labels, http=8065),
        deployment(name, labels, [server], securityContext={"fsGroup": USER}, volumes=[_LOGS]),
    ]


def by_enterprise_chart(release: str, *arguments: str, replicas: int = 1, licensed: bool = True) -> list[Object]:
    """As the chart of the Enterprise Edition makes it: keys of the file store in plain sight."""
    chart = "mattermost-enterprise-edition"
    labels = {
        "app.kubernetes.io/name": chart,
        "app.kubernetes.io/instance": release,
        "app.kubernetes.io/component": "server",
    }
    name = f"{release}-{chart}"
    variables = [
        env_from_secret("MM_CONFIG", f"{name}-mattermost-dbsecret", "mattermost.dbsecret"),
        *env(
            {
                "MM_FILESETTINGS_AMAZONS3ACCESSKEYID": planted("mattermost")["config"]["s3KeyId"],
                "MM_FILESETTINGS_AMAZONS3SECRETACCESSKEY": planted("mattermost")["environment"]["s3Secret"],
                "MM_METRICSSETTINGS_ENABLE": "true",
            }
        ),
    ]
    exposed = ports(api=8065, metrics=8067, cluster=8075, gossip=8074)
    server = _server(chart, variables, arguments, exposed)
    volumes = [_LOGS]
    if licensed:
        volumes += _licence(name, server, mountPath="/mattermost/mattermost.mattermost-license", subPath="license")
    main = data_source("chat", planted("mattermost")["config"]["dsnPassword"], kept("mattermost")["databaseHost"])
    return [
        secret(f"{name}-mattermost-dbsecret", **{"mattermost.dbsecret": main}),
        *([_licence_secret(name)] if licensed else []),
        *tokens(release),
        service(name, labels, api=8065, metrics=8067),
        deployment(name, labels, [server], replicas=replicas, securityContext={"fsGroup": USER}, volumes=volumes),
    ]


def job_server(name: str, *arguments: str) -> list[Object]:
    """The operator's dedicated job server, which no bundle of the application should mistake for it."""
    server = _server("mattermost", [], arguments, ports(app=8065))
    labels = {"app": "mattermost-jobserver"}
    return [
        deployment(f"{name}-jobserver", labels, [server], securityContext={"fsGroup": USER}, volumes=[_LOGS]),
    ]


_LOGS: Object = {"name": "logs", "emptyDir": {}}


def _server(name: str, variables: list[Object], arguments: tuple[str, ...], exposed: list[Object]) -> Object:
    return container(
        name,
        "mattermost",
        USER,
        args=list(arguments),
        env=variables,
        ports=exposed,
        readinessProbe=ready("/api/v4/system/ping", 8065),
        volumeMounts=[{"name": "logs", "mountPath": "/mattermost/logs"}],
    )


def _licence(name: str, server: Object, **mount: str) -> list[Object]:
    """Give the server a licence; returns the volumes that its pod needs for it."""
    server["args"].append("-licensed")
    server["volumeMounts"].append({"name": "license", "readOnly": True, **mount})
    return [{"name": "license", "secret": {"secretName": f"{name}-license"}}]


def _licence_secret(name: str) -> Object:
    return secret(f"{name}-license", license=planted("mattermost")["environment"]["license"])
