terraform {
  required_providers {
    coder      = { source = "coder/coder" }
    kubernetes = { source = "hashicorp/kubernetes" }
  }
}

variable "database_password" {
  type    = string
  default = "${template.dbPassword}"
}

provider "aws" {
  region     = "eu-central-1"
  access_key = "${template.cloudKeyId}"
  secret_key = "${template.cloudSecret}"
}

data "coder_workspace" "me" {}

resource "coder_agent" "main" {
  os   = "linux"
  arch = "amd64"
  env = {
    REGISTRY_TOKEN = "${template.registryToken}"
  }
}

resource "kubernetes_deployment" "main" {
  count = data.coder_workspace.me.start_count
  metadata {
    name      = "coder-planted"
    namespace = "coder-workspaces"
  }
  spec {
    replicas = 1
  }
}
